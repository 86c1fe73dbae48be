// The state of the import dialog: what was read, what is chosen and entered, and how far adding has come.

import { useEffect, useRef, useState } from "preact/hooks";

import { messageOf } from "../api/problem";
import type { Connector } from "../api/types";
import { completed, type Entry, type Server } from "../import/mcp-json";
import { useCreate } from "../state/connectors";
import { useKeyway } from "../state/context";

/** How it went with one server. */
export type Progress =
  | { step: "adding" }
  | { step: "added"; connector: Connector }
  | { step: "failed"; message: string };

export function useImport(entries: Entry[]) {
  const { api } = useKeyway();
  const create = useCreate();
  const [chosen, setChosen] = useState<readonly Server[]>(() => entries.filter(isServer));
  const [typed, setTyped] = useState<ReadonlyMap<Server, Record<string, string>>>(new Map());
  const [progress, setProgress] = useState<ReadonlyMap<Server, Progress>>(new Map());
  const [isAdding, setAdding] = useState(false);
  const isOpen = useRef(true);
  useEffect(() => () => void (isOpen.current = false), []);

  const left = chosen.filter((server) => progress.get(server)?.step !== "added");
  const note = (server: Server, step: Progress) => setProgress((known) => new Map(known).set(server, step));

  const addOne = async (server: Server): Promise<Connector> => {
    const connector = await create.mutateAsync(completed(server, typed.get(server) ?? {}));
    return server.readOnly ? api.change(connector.id, { read_only: true }) : connector;
  };

  /** One after another; what is left is not added once the dialog is closed. */
  const add = async () => {
    setAdding(true);
    for (const server of left) {
      if (!isOpen.current) return;
      note(server, { step: "adding" });
      await addOne(server).then(
        (connector) => note(server, { step: "added", connector }),
        (error: unknown) => note(server, { step: "failed", message: messageOf(error) }),
      );
    }
    setAdding(false);
  };

  return {
    ...{ chosen, left, progress, isAdding },
    add: () => void (!isAdding && add()),
    toggle: (server: Server) =>
      setChosen((all) => (all.includes(server) ? all.filter((one) => one !== server) : [...all, server])),
    typedFor: (server: Server, header: string) => typed.get(server)?.[header] ?? "",
    enter: (server: Server, header: string, value: string) =>
      setTyped((known) => new Map(known).set(server, { ...known.get(server), [header]: value })),
  };
}

export type Import = ReturnType<typeof useImport>;

export const isServer = (entry: Entry): entry is Server => !("refused" in entry);
