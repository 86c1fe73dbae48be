// What the server changed of a tool since somebody looked at it: as it was and as it is.

import type { ChangedMember, ToolChange as Change } from "../api/types";
import { relativeTime } from "../time";
import { texts } from "../words";
import { Visible } from "./Visible";

interface Props {
  name: string;
  change: Change;
  /** Whether the tool is not called until somebody looks. */
  held: boolean;
  onAccept: (descriptor: string) => void;
}

export function ToolChange({ name, change, held, onAccept }: Props) {
  return (
    <div class="notice tool-change" data-tone="attention">
      <strong>{held ? texts.changeHeld : texts.changeSeen(change.at && relativeTime(change.at, Date.now()))}</strong>
      {change.members.map((member) => (
        <Member key={member.member} member={member} />
      ))}
      {change.members.length === 0 && <span>{texts.changeBeyond}</span>}
      <button type="button" aria-label={texts.changeAcceptOf(name)} onClick={() => onAccept(change.descriptor)}>
        {texts.changeAccept}
      </button>
    </div>
  );
}

function Member({ member: { member, before, after } }: { member: ChangedMember }) {
  return (
    <dl class="diff">
      <dt>{texts.changeMembers[member]}</dt>
      {before != null && (
        <dd>
          <del>
            <span class="unseen">{texts.changeBefore}</span>
            <Visible text={readable(before)} />
          </del>
        </dd>
      )}
      {after != null && (
        <dd>
          <ins>
            <span class="unseen">{texts.changeAfter}</span>
            <Visible text={readable(after)} />
          </ins>
        </dd>
      )}
    </dl>
  );
}

/** JSON on several lines; any other text as it is. */
function readable(text: string): string {
  if (!text.startsWith("{")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
