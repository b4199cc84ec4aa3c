// Puts rounds of measurements together. Where a machine's speed drifts, one of ours and one of the peers' in turn say
// more than many of ours and then many of theirs.

import type { PeerResult } from "./peers.js";
import { median } from "./runner.js";
import type { Measurement } from "./workload.js";

/** What was measured in one round: ours, then the peers. */
export interface Round {
  ours: Measurement[];
  peers: PeerResult[];
}

/** One round with the medians of all. */
export function combine(rounds: Round[]): Round {
  const [first] = rounds;
  const ours = first.ours.map((measurement, i) => {
    const ms = median(rounds.map((round) => round.ours[i].ms));
    const rate = (measured?: number) => measured && (measured * measurement.ms) / ms;
    return { ...measurement, ms, gflops: rate(measurement.gflops), gigabytes: rate(measurement.gigabytes) };
  });
  const peers = first.peers.map((peer, i) => {
    const all = rounds.map((round) => round.peers[i]);
    const names = new Set(all.flatMap(({ ms }) => [...ms.keys()]));
    const times = [...names].map((name) => {
      const known = all.map(({ ms }) => ms.get(name)).filter((ms) => ms !== undefined);
      return [name, median(known)] as const;
    });
    return { ...peer, ms: new Map(times), notes: [...new Set(all.flatMap(({ notes }) => notes))] };
  });
  return { ours, peers };
}

/** Refuses figures of peers that computed something else than we did. */
export function checkResults({ ours, peers }: Round): void {
  for (const { name, check } of ours)
    for (const { peer, checks } of peers) {
      const theirs = checks.get(name);
      if (check !== undefined && theirs !== undefined && check !== theirs)
        throw new Error(
          `${name}: ${peer} has another result (${theirs}) than we (${check}): the times compare nothing`,
        );
    }
}
