// Rows in the shape of connectors, while they are being loaded.

import { texts } from "../words";

export function ListSkeleton() {
  return (
    <div role="status" aria-label={texts.loading}>
      <ul class="rows" aria-hidden="true">
        {[0, 1, 2].map((row) => (
          <li class="row" key={row}>
            <div class="row-head">
              <span class="avatar bone" />
              <span class="row-name">
                <span class="bone line" />
                <span class="bone line short" />
              </span>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Lines in the shape of a short list. */
export function LinesSkeleton({ label }: { label: string }) {
  return (
    <div class="lines" role="status" aria-label={label}>
      {[0, 1, 2].map((line) => (
        <span class="bone line" key={line} />
      ))}
    </div>
  );
}
