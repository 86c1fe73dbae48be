// What happened to one connector lately.

import type { Activity } from "../api/types";
import { useActivity } from "../state/connectors";
import { exactTime, relativeTime } from "../time";
import { activityWords, texts } from "../words";
import { ErrorNotice } from "./Notice";
import { LinesSkeleton } from "./Skeleton";

export function ActivityList({ connectorId }: { connectorId: string }) {
  const { data, error, isPending } = useActivity(connectorId);
  return (
    <section class="tools">
      <h3>{texts.activity}</h3>
      {isPending && <LinesSkeleton label={texts.activityLoading} />}
      <ErrorNotice error={error} />
      {data?.length === 0 && <p class="hint">{texts.activityNone}</p>}
      {data !== undefined && data.length > 0 && (
        // It scrolls, so the keyboard must come to it.
        <ul class="tool-list activity" tabIndex={0} aria-label={texts.activity}>
          {data.map((one) => (
            <ActivityItem key={one.id} one={one} />
          ))}
        </ul>
      )}
    </section>
  );
}

function ActivityItem({ one }: { one: Activity }) {
  return (
    <li>
      <div class="tool-head">
        <span>{activityWords(one)}</span>
        <time class="hint" dateTime={one.at} title={exactTime(one.at)}>
          {relativeTime(one.at, Date.now())}
        </time>
      </div>
      {one.detail && <p>{one.detail}</p>}
    </li>
  );
}
