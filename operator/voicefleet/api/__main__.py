"""`python -m voicefleet.api`: write the files that follow from the API's models."""

from pathlib import Path

from voicefleet.api.generate import write_generated

for path in write_generated(Path.cwd()):
    print(path)  # noqa: T201 - a command line prints
