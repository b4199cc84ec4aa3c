/** `curves.svg`: the losses and the accuracy over the epochs, in two panels side by side. */

import { scaleLinear } from "d3-scale";
import type { EpochRecord } from "./run-folder.js";

const WIDTH = 860;
const HEIGHT = 340;
const PANEL = { width: 330, height: 230, top: 60 } as const;
const LEFT_EDGES = [60, 490] as const;

const COLORS = { train: "#1f77b4", val: "#d95f02", accuracy: "#1b9e77" } as const;

interface Curve {
  readonly name: string;
  readonly color: string;
  /** One value an epoch. */
  readonly values: readonly number[];
}

interface Panel {
  readonly title: string;
  readonly left: number;
  readonly curves: readonly Curve[];
  /** Smallest and largest value of the axis, before it is rounded to ticks. */
  readonly domain: readonly [number, number];
  readonly format: (value: number) => string;
}

/** The SVG of a history, with empty axes where no epoch was finished. */
export function drawCurves(history: readonly EpochRecord[]): string {
  const trainLoss = history.map((record) => record.trainLoss);
  const valLoss = history.map((record) => record.valLoss);
  const valAccuracy = history.map((record) => record.valAccuracy);
  const epochs = history.map((record) => record.epoch);
  const panels: Panel[] = [
    {
      title: "Loss",
      left: LEFT_EDGES[0],
      curves: [
        { name: "train", color: COLORS.train, values: trainLoss },
        { name: "validation", color: COLORS.val, values: valLoss },
      ],
      domain: [0, Math.max(...trainLoss, ...valLoss, Number.EPSILON)],
      format: (value) => String(Number(value.toPrecision(3))),
    },
    {
      title: "Accuracy",
      left: LEFT_EDGES[1],
      curves: [{ name: "validation", color: COLORS.accuracy, values: valAccuracy }],
      domain: [0, 1],
      format: (value) => `${Math.round(value * 100)} %`,
    },
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...panels.flatMap((panel) => drawPanel(panel, epochs)),
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, left, curves, domain, format }: Panel, epochs: readonly number[]): string[] {
  const right = left + PANEL.width;
  const bottom = PANEL.top + PANEL.height;
  const x = scaleLinear()
    .domain([1, Math.max(2, ...epochs)])
    .range([left, right]);
  const y = scaleLinear().domain(domain).nice(5).range([bottom, PANEL.top]);

  const grid = y.ticks(5).flatMap((tick) => {
    const at = round(y(tick));
    return [
      `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#e5e5e5"/>`,
      `<text x="${left - 8}" y="${at + 4}" text-anchor="end">${format(tick)}</text>`,
    ];
  });
  const ticks = x
    .ticks(8)
    .filter(Number.isInteger)
    .flatMap((tick) => {
      const at = round(x(tick));
      return [
        `<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" stroke="#333"/>`,
        `<text x="${at}" y="${bottom + 19}" text-anchor="middle">${tick}</text>`,
      ];
    });
  const lines = curves.flatMap(({ color, values }) => {
    const points = values.map((value, i) => `${round(x(epochs[i]))},${round(y(value))}`);
    const dots = points.map((point) => {
      const [cx, cy] = point.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${color}"/>`;
    });
    return [`<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>`, ...dots];
  });
  const legend = curves.flatMap(({ name, color }, i) => {
    const at = right - 90 * (curves.length - i);
    return [
      `<line x1="${at}" x2="${at + 18}" y1="36" y2="36" stroke="${color}" stroke-width="2"/>`,
      `<text x="${at + 24}" y="40">${name}</text>`,
    ];
  });
  return [
    `<text x="${left}" y="40" font-size="15" font-weight="600">${title}</text>`,
    ...legend,
    ...grid,
    `<line x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="#333"/>`,
    ...ticks,
    `<text x="${(left + right) / 2}" y="${bottom + 38}" text-anchor="middle">epoch</text>`,
    ...lines,
  ];
}

const round = (value: number): number => Math.round(value * 100) / 100;
