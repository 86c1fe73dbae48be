// Where the focus goes when a dialog closes.

import { useEffect, useRef } from "preact/hooks";

/** A dialog gives the focus back to what opened it; where that is gone, or about to go, `fallback` takes it. */
export function useFocusAfterDialog(
  fallback: { current: HTMLElement | null },
  isOpen: boolean,
  openerLeaves: { current: boolean },
): void {
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    const root = fallback.current?.getRootNode() as ShadowRoot | undefined;
    const isLost = openerLeaves.current || root?.activeElement == null;
    if (wasOpen.current && !isOpen && isLost) fallback.current?.focus();
    if (!isOpen) openerLeaves.current = false;
    wasOpen.current = isOpen;
  }, [isOpen]);
}
