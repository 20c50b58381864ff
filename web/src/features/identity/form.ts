/** What every form of the sign-in does: one answer at a time, and what was wrong under the fields. */
import { useState, type FormEvent } from "react";

export interface Sent {
  busy: boolean;
  refused: string | null;
}

/** `send` answers why it was refused, or null. */
export function useForm(send: (fields: FormData) => Promise<string | null>) {
  const [sent, setSent] = useState<Sent>({ busy: false, refused: null });
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    setSent({ busy: true, refused: null });
    const refused = await send(new FormData(form));
    setSent({ busy: false, refused });
    // The button was disabled meanwhile and has lost the focus; what is wrong is most likely the secret.
    if (refused !== null) form.querySelector<HTMLInputElement>("[data-secret]")?.select();
  };
  return { sent, onSubmit: (event: FormEvent<HTMLFormElement>) => void submit(event) };
}

export function text(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === "string" ? value : "";
}
