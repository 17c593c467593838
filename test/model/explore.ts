/** What is explored. */
export interface Exploration<State, Step> {
  readonly initial: State;
  /** Everything that can happen next. */
  readonly steps: (state: State) => Iterable<readonly [Step, State]>;
  /** Equal for states that cannot be told apart by anything that may still happen. */
  readonly keyOf: (state: State) => string;
  /** What is wrong with a step; undefined when nothing is. */
  readonly judge: (before: State, step: Step, after: State) => string | undefined;
  /** Where every run must be able to get to, from everywhere. @default nowhere in particular */
  readonly isEnd?: (state: State) => boolean;
  /** More states than this are refused, so that a mistake does not eat the machine. @default 3,000,000 */
  readonly limit?: number;
}

/** What was found. */
export interface Explored<State, Step> {
  readonly states: number;
  readonly transitions: number;
  /** Steps of the shortest way to the state farthest from the first. */
  readonly depth: number;
  /** The shortest run that breaks a promise; undefined when all of them are kept. */
  readonly violation: Violation<State, Step> | undefined;
  /** The shortest way to a node, by its number; nodes are numbered in the order in which they were found. */
  pathTo(node: number): readonly (readonly [Step, State])[];
}

/** A counterexample. */
export interface Violation<State, Step> {
  readonly message: string;
  readonly trace: readonly (readonly [Step, State])[];
}

/** Visits every state that can be reached, nearest first: a counterexample found this way is as short as can be. */
export function explore<State, Step>(exploration: Exploration<State, Step>): Explored<State, Step> {
  const { initial, steps, keyOf, judge, isEnd, limit = 3_000_000 } = exploration;
  const nodes = new Map<string, number>([[keyOf(initial), 0]]);
  const states = [initial];
  const parents = [-1];
  const ways: (Step | undefined)[] = [undefined];
  const depths = [0];
  const edges: { from: number[]; to: number[] } = { from: [], to: [] };
  let transitions = 0;

  function pathTo(node: number): (readonly [Step, State])[] {
    const path: (readonly [Step, State])[] = [];
    for (let at = node; at > 0; at = parents[at]!) path.unshift([ways[at]!, states[at]!]);
    return path;
  }
  const result = (violation: Violation<State, Step> | undefined): Explored<State, Step> => ({
    states: states.length,
    transitions,
    depth: depths.at(-1)!,
    violation,
    pathTo,
  });

  for (let from = 0; from < states.length; from++) {
    const before = states[from]!;
    for (const [step, after] of steps(before)) {
      transitions++;
      const message = judge(before, step, after);
      if (message !== undefined) return result({ message, trace: [...pathTo(from), [step, after]] });
      const key = keyOf(after);
      let to = nodes.get(key);
      if (to === undefined) {
        to = states.push(after) - 1;
        if (to >= limit) throw new Error(`More than ${limit} states: bound the world more tightly.`);
        nodes.set(key, to);
        parents.push(from);
        ways.push(step);
        depths.push(depths[from]! + 1);
      }
      if (isEnd !== undefined) {
        edges.from.push(from);
        edges.to.push(to);
      }
    }
  }
  const stuck = isEnd === undefined ? undefined : cannotReach(states, edges, isEnd);
  if (stuck === undefined) return result(undefined);
  return result({ message: 'this run can no longer come to an end', trace: pathTo(stuck) });
}

/** The nearest node from which no end can be reached. */
function cannotReach<State>(
  states: readonly State[],
  edges: { from: number[]; to: number[] },
  isEnd: (state: State) => boolean,
): number | undefined {
  // predecessors, as slices of one array
  const starts = new Uint32Array(states.length + 1);
  for (const to of edges.to) starts[to + 1]!++;
  for (let node = 0; node < states.length; node++) starts[node + 1]! += starts[node]!;
  const filled = starts.slice();
  const predecessors = new Uint32Array(edges.to.length);
  edges.to.forEach((to, edge) => {
    predecessors[filled[to]!++] = edges.from[edge]!;
  });
  const reaches = new Uint8Array(states.length);
  const open: number[] = [];
  const add = (node: number) => {
    if (reaches[node] === 1) return;
    reaches[node] = 1;
    open.push(node);
  };
  states.forEach((state, node) => {
    if (isEnd(state)) add(node);
  });
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (let at = starts[node]!; at < starts[node + 1]!; at++) add(predecessors[at]!);
  }
  const found = reaches.indexOf(0);
  return found === -1 ? undefined : found;
}
