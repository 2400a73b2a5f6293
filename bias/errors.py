"""Every error that bias raises on purpose.

    BiasError
    ├── UsageError            an option or argument that cannot be carried out
    ├── MissingExtraError     a feature whose optional packages are not installed
    ├── InputError            an article or table that cannot be read
    │   ├── EncodingError     bytes that are not valid in the stated encoding
    │   ├── BinaryFileError   a known binary format where text was expected
    │   ├── TooLargeError     an input over the size limit
    │   ├── EmptyTextError    no text to score
    │   └── ColumnError       a table without the column that was asked for
    ├── ModelError            a model folder that is missing, damaged or not ours
    ├── DataError             labelled data that cannot be trained or measured on
    ├── OutputError           a result that cannot be written
    └── WorkerError           processes or machines that were to share the work and did not

The message of each is one line that says what was found and what to do about it.
"""


class BiasError(Exception):
    """Base of all errors that bias raises on purpose."""


class UsageError(BiasError):
    """An option or argument that cannot be carried out."""


class MissingExtraError(BiasError):
    """A feature was asked for whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs optional packages: pip install 'newsbias[{extra}]'")
        self.extra = extra


class InputError(BiasError):
    """An article or table that cannot be read."""


class EncodingError(InputError):
    """Bytes that are not valid in the stated encoding."""


class BinaryFileError(InputError):
    """A known binary format where text was expected."""


class TooLargeError(InputError):
    """An input over the size limit."""


class EmptyTextError(InputError):
    """There is no text to score."""


class ColumnError(InputError):
    """A table lacks the column that was asked for."""


class ModelError(BiasError):
    """A model folder that is missing, damaged or not ours."""


class DataError(BiasError):
    """Labelled data that cannot be trained or measured on."""


class OutputError(BiasError):
    """A result that cannot be written."""


class WorkerError(BiasError):
    """Processes or machines that were to share the work are gone, or never came."""
