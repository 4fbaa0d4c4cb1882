"""Every error the processors raise, each with a sentence a person understands; jobs/ shows that sentence as it is.

ProcessingError
└── ExportError              the uploaded file cannot be imported
    ├── ExportNotJson        it is not JSON, or breaks off
    ├── ExportDamaged        the archive around it cannot be read
    ├── ExportEncrypted      the archive has a password
    ├── ExportTooLarge       it exceeds a limit: total size, one conversation, nesting
    ├── ExportEmpty          it is an export, and holds no text
    └── NoConversations      it is readable, and is not a conversation export
"""

from __future__ import annotations

from collections.abc import Callable


class ProcessingError(Exception):
    """`str(error)` is safe to show and to log: it never quotes the person's text. `code` is stable, for machines."""

    code = "processing_error"

    def __reduce__(self) -> tuple[Callable[[str, str], ProcessingError], tuple[str, str]]:
        """Errors are stored with a failed step, and come from a process of their own: code and sentence are enough."""
        return told, (self.code, str(self))


class ExportError(ProcessingError):
    """The uploaded file cannot be imported; nothing of the person's earlier data has been touched."""

    code = "export_error"


class ExportNotJson(ExportError):
    """The text is not valid JSON, or the file ends in the middle."""

    code = "export_not_json"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not valid JSON. It may be incomplete or edited: "
            "please download the export again and upload it unchanged."
        )


class ExportDamaged(ExportError):
    """The zip or gzip container is broken."""

    code = "export_damaged"

    def __init__(self) -> None:
        super().__init__(
            "The archive is damaged or incomplete. Please download the export again and upload it unchanged."
        )


class ExportEncrypted(ExportError):
    """The zip entry needs a password that nobody gave us."""

    code = "export_encrypted"

    def __init__(self) -> None:
        super().__init__("The archive is protected by a password. Please upload it without one.")


class ExportTooLarge(ExportError):
    """A limit of `ExportLimits` was passed; `what` names it in plain words."""

    code = "export_too_large"

    def __init__(self, what: str) -> None:
        super().__init__(f"The export is too large to import: {what}.")


class ExportEmpty(ExportError):
    """The file has the right shape but no conversation with any text."""

    code = "export_empty"

    def __init__(self) -> None:
        super().__init__("The export contains no messages, so there is nothing to import.")


class NoConversations(ExportError):
    """A zip without conversations.json, or a file that is something else (user.json, message_feedback.json ...)."""

    code = "no_conversations"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} Please upload the zip from ChatGPT's data export, or the conversations.json inside it."
        )


def told(code: str, sentence: str) -> ProcessingError:
    """The error with this code; its sentence is there already."""
    kinds = [ProcessingError]
    for kind in kinds:
        if kind.code == code:
            return kind.__new__(kind, sentence)
        kinds += kind.__subclasses__()
    return ProcessingError(sentence)
