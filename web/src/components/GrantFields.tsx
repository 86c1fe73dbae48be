// How a connector gets its tokens: by a person, or by one of the grants that need none.

import { fieldsOf, type Grant, type GrantEntry, type GrantField, type Proof, ALGORITHMS } from "../grants/grants";
import { texts } from "../words";
import { Field, LongField, SecretField, SelectField } from "./Field";

interface Props {
  entry: GrantEntry;
  onChange: (entry: GrantEntry) => void;
  /** Whether something is saved that an empty field keeps; then the grant itself stays. */
  isEdit: boolean;
}

export function GrantFields({ entry, onChange, isEdit }: Props) {
  return (
    <>
      {!isEdit && (
        <SelectField
          label={texts.grant}
          options={texts.grants}
          value={entry.grant}
          onText={(grant) => onChange({ ...entry, grant: grant as Grant })}
        />
      )}
      {entry.grant === "client_credentials" && (
        <SelectField
          label={texts.proof}
          options={texts.proofs}
          value={entry.proof}
          onText={(proof) => onChange({ ...entry, proof: proof as Proof })}
        />
      )}
      {entry.grant === "client_credentials" && entry.proof === "keyway" && (
        <p class="hint">{texts.proofKeywayHint}</p>
      )}
      {fieldsOf(entry).map((field) => (
        <OneField
          key={field.name}
          field={isEdit ? { ...field, hint: texts.clientSecretKeep, optional: true } : field}
          value={entry.values[field.name] ?? ""}
          onText={(text) => onChange({ ...entry, values: { ...entry.values, [field.name]: text } })}
        />
      ))}
    </>
  );
}

interface FieldProps {
  field: GrantField;
  value: string;
  onText: (text: string) => void;
}

function OneField({ field: { label, hint, kind, optional }, value, onText }: FieldProps) {
  const shared = { label, ...(hint === undefined ? {} : { hint }), required: optional !== true, value, onText };
  if (kind === "secret") return <SecretField {...shared} />;
  if (kind === "pem") return <LongField {...shared} rows={4} />;
  if (kind === "text") return <Field {...shared} />;
  const options = Object.fromEntries(ALGORITHMS.map((name) => [name, name]));
  return <SelectField label={label} options={options} value={value} onText={onText} />;
}
