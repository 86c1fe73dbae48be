// What is shown to somebody whom Keyway does not know.

import { texts } from "../words";
import { Icon } from "./Icon";

export function SessionNeeded({ linkSpent }: { linkSpent: boolean }) {
  return (
    <section class="empty" role="alert">
      <span class="empty-icon">
        <Icon name="lock" />
      </span>
      <h2>{texts.session.title}</h2>
      <p>{linkSpent ? texts.session.linkSpent : texts.session.body}</p>
      <p class="hint">{texts.session.hint}</p>
    </section>
  );
}
