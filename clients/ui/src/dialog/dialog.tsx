import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { IconButton } from "../button/button.tsx";
import { icons } from "../icon/icon.tsx";
import { useWords } from "../words/words.ts";
import "./dialog.css";

export interface DialogProps {
  open: boolean;
  /** Escape, the cross, and the backdrop where that is allowed. */
  onClose(): void;
  title: string;
  children: ComponentChildren;
  /** Buttons, the primary last. */
  actions?: ComponentChildren;
  size?: "small" | "medium";
  closesOnBackdrop?: boolean;
  /** What gets the focus where the opener is gone by then. It is taken at opening. */
  returnTo?: () => HTMLElement | null | undefined;
}

/** The first field or button gets the focus, unless another has `autofocus`. */
export const Dialog = ({ open, ...props }: DialogProps) => (open ? <OpenDialog {...props} /> : null);

function OpenDialog({ onClose, title, children, actions, size = "small", closesOnBackdrop = false, returnTo }: Omit<DialogProps, "open">) {
  const id = useId();
  const words = useWords();
  const ref = useRef<HTMLDialogElement>(null);

  // The word of a dialog's end comes after it was taken away, and another may be open by then.
  const isOver = useRef(false);

  useLayoutEffect(() => {
    const dialog = ref.current;
    const opener = document.activeElement;
    dialog?.showModal();
    return () => {
      // The platform gives the focus back only where the dialog is closed before it is taken away.
      isOver.current = true;
      dialog?.close();
      if (!opener?.isConnected) returnTo?.()?.focus();
    };
  }, []);

  // A press that begins inside and ends outside, as at the selection of text, closes nothing.
  const pressed = useRef(false);
  const isBackdrop = (event: Event) => event.target === event.currentTarget;
  return (
    <dialog
      ref={ref}
      class={`ui-dialog ui-${size}`}
      aria-labelledby={id}
      onCancel={(event) => {
        // The cancel of a file field inside bubbles.
        if (!isBackdrop(event)) return;
        event.preventDefault();
        onClose();
      }}
      onClose={(event) => isBackdrop(event) && !isOver.current && onClose()}
      onPointerDown={(event) => void (pressed.current = isBackdrop(event))}
      onClick={(event) => closesOnBackdrop && pressed.current && isBackdrop(event) && onClose()}
    >
      <div class="ui-sheet">
        <h2 id={id}>{title}</h2>
        <div class="ui-dialog-body">{children}</div>
        {actions && <div class="ui-dialog-actions">{actions}</div>}
        <IconButton class="ui-dialog-close" icon={icons.close} label={words.close} size="small" onClick={onClose} />
      </div>
    </dialog>
  );
}
