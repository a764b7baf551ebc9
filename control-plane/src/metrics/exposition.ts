/** Prometheus' text format, version 0.0.4. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels?: Labels;
  /** Upper bound in seconds, and how many observations are not above it. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  readonly count: number;
  /** Seconds. */
  readonly sum: number;
}

interface Named {
  readonly name: string;
  readonly help: string;
}

export type Metric =
  | (Named & { readonly type: "gauge" | "counter"; readonly samples: readonly Sample[] })
  | (Named & { readonly type: "histogram"; readonly samples: readonly HistogramSample[] });

export function expositionOf(metrics: readonly Metric[]): string {
  return metrics.map((metric) => `${headOf(metric)}${linesOf(metric).join("\n")}\n`).join("");
}

function headOf({ name, help, type }: Metric): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function linesOf(metric: Metric): string[] {
  const { name } = metric;
  if (metric.type !== "histogram") {
    return metric.samples.map(({ labels = {}, value }) => line(name, labels, value));
  }
  return metric.samples.flatMap(({ labels = {}, buckets, count, sum }) => [
    ...buckets.map(([bound, within]) => line(`${name}_bucket`, { ...labels, le: String(bound) }, within)),
    line(`${name}_bucket`, { ...labels, le: "+Inf" }, count),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  ]);
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
