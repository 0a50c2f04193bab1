"""The CTC networks of `torchaudio.pipelines` that hear words, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..audio.arrays import MediaError
from ..files.hashed import digest_of

if TYPE_CHECKING:
    from .word_times import Network

_PYTORCH = "https://download.pytorch.org/torchaudio/models/"
_MMS = "https://dl.fbaipublicfiles.com/mms/torchaudio/ctc_alignment_mling_uroman/model.pt"


class CtcModel(NamedTuple):
    """A network and its file.

    Attributes:
        bundle: its name in `torchaudio.pipelines`.
        file: the file's name in ComfyUI's folder.
        size, sha256: of the whole file, in bytes and in hex.
        language: of the words for digits; see `lyric_words.LANGUAGES`.
        licence: of the weights.
    """

    bundle: str
    file: str
    url: str
    size: int
    sha256: str
    language: str
    licence: str = "CC BY-NC 4.0, not for commercial use"


def _voxpopuli(language: str, size: int, sha256: str) -> CtcModel:
    name = f"wav2vec2_voxpopuli_base_10k_asr_{language}.pt"
    bundle = f"VOXPOPULI_ASR_BASE_10K_{language.upper()}"
    return CtcModel(bundle, name, f"{_PYTORCH}{name}", size, sha256, language)


_ENGLISH = "wav2vec2_fairseq_base_ls960_asr_ls960.pth"
MODELS = {
    "English, 378 MB": CtcModel(
        "WAV2VEC2_ASR_BASE_960H",
        _ENGLISH,
        f"{_PYTORCH}{_ENGLISH}",
        377_664_473,
        "488fd4f16de84438ffc945334278c1b9fb9b7159a806c1080b16111a958c945d",
        "en",
        "MIT",
    ),
    "German, 378 MB": _voxpopuli(
        "de", 377_677_593, "5fcd937817d4cc358aa9730ccaa92cdae37af4b62959b67ba77ef1f5da7938cf"
    ),
    "Spanish, 378 MB": _voxpopuli(
        "es", 377_686_809, "272a92b156b78e697e6c7cf7c64f274250a36d0047440e27a895a377d3af818f"
    ),
    "Italian, 378 MB": _voxpopuli(
        "it", 377_689_881, "620bad579ee46ba1f67df2e7c858c111d14a09b349a62b1c672f0275a68484eb"
    ),
    "French, 378 MB": _voxpopuli(
        "fr", 377_708_313, "30eeb5e5000e011838a39328c21eadf5ddaedbef0ea3f7cf5a790fd8695b92b5"
    ),
    "1,130 languages, 1.26 GB": CtcModel(
        "MMS_FA",
        "mms_fa.pt",
        _MMS,
        1_262_047_414,
        "20ef12963ab4924bef49ac4fc7f58ad5da2ee43b2c11bc8c853c9b90ecdbc680",
        "en",
    ),
}
"""By the choices of a node, the smallest first. Several projects that pin these files publish the
same sizes and hashes."""

_whole: set[tuple[Path, int, int]] = set()


def check_file(model: CtcModel, path: Path) -> None:
    """MediaError: `path` is not the file of `model`. Each process reads a file once."""
    facts = path.stat()
    if facts.st_size != model.size:
        raise MediaError(
            f"The model file {path} has {facts.st_size} bytes, and {model.size} are expected: it "
            f"was cut short, or is another one; {_again(model)}"
        )
    seen = (path, facts.st_size, facts.st_mtime_ns)
    if seen not in _whole:
        if digest_of(path) != model.sha256:
            raise MediaError(
                f"The model file {path} has other content than expected (SHA-256): it is damaged, "
                f"or of another network; {_again(model)}"
            )
        _whole.add(seen)


def _again(model: CtcModel) -> str:
    return f"delete it, and turn on download, or load {model.url} by hand."


def load_network(model: CtcModel, path: Path, device: Any) -> tuple[Network, Sequence[str]]:
    """The network on `device`, and its labels.

    torchaudio reads the file with `weights_only`, so that no code of the file runs. Memory: twice
    the file for a moment.

    Raises:
        MediaError: the file is not that of `model`, or torchaudio does not work.
    """
    from .analysis import of_torchaudio

    check_file(model, path)
    bundle = of_torchaudio("pipelines", model.bundle)
    local = {
        "model_dir": str(path.parent),
        "file_name": path.name,
        "map_location": "cpu",
        "weights_only": True,
    }
    is_aligner = hasattr(bundle, "get_aligner")
    star = {"with_star": False} if is_aligner else {}
    try:
        network = bundle.get_model(dl_kwargs=local, **star)
    except (RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
        raise MediaError(
            f"The model file {path} does not hold the network {model.bundle} "
            f"({type(error).__name__}): {_again(model)}"
        ) from error
    labels = bundle.get_labels(star=None) if is_aligner else bundle.get_labels()
    return network.to(device), labels
