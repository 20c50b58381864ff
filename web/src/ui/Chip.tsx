/** A state in a word, a colour and an icon: never by colour alone. */
import { Check, Circle, CircleDashed, LoaderCircle, TriangleAlert, X, type LucideIcon } from "lucide-react";

export type Tone = "good" | "warn" | "bad" | "info" | "plain" | "busy";

const ICONS: Record<Tone, LucideIcon> = {
  good: Check,
  warn: TriangleAlert,
  bad: X,
  info: Circle,
  plain: CircleDashed,
  busy: LoaderCircle,
};

export function Mark({ tone, size = 13 }: { tone: Tone; size?: number }) {
  const Icon = ICONS[tone];
  return (
    <Icon
      size={size}
      strokeWidth={2.4}
      aria-hidden="true"
      className={tone === "busy" ? "turning" : undefined}
    />
  );
}

export function Chip({
  tone,
  children,
  title,
}: {
  tone: Tone;
  children: string;
  title?: string | undefined;
}) {
  return (
    <span className="chip" data-tone={tone === "busy" ? "info" : tone} title={title}>
      <Mark tone={tone} />
      {children}
    </span>
  );
}
