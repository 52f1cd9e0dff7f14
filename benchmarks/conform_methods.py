"""The single ways of giving two mono stems a clip's channels, each in a few lines of numpy.

Every one takes the mix and the two mono stems, aligned and as long as the mix, and returns the
target in all channels; the residual is the mix less it. This module must not know the true parts,
but for the oracle, which is made of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from stem_cases import Case, Stems
from stem_scenes import Exact, late

SIZE, HOP = 4096, 1024
BANDS = 64  # about as many, narrow below and wide above
TAU_SECONDS = 0.6  # how far back the running statistics reach
LEAN_SECONDS = 2.0  # of the whole clip's statistics stand beside them
REGULAR = 1e-3
ROUNDS = 2  # of re-estimating, for the Wiener filter
TINY = 1e-12

Spectra = NDArray[np.complex128]  # [frames, bins], or [channels, frames, bins]
Method = Callable[[Case, Exact, Exact], Exact]


def aligned(case: Case) -> tuple[Exact, Exact]:
    """Put the stems where they belong, by what the simulator knows: delay and polarity.

    Windows are joined by a linear cross-fade.
    """
    frames = len(case.mix)
    joined = np.zeros((2, frames))
    weight = np.zeros(frames)
    for number, stems in enumerate(case.stems):
        # The first and the last window have no neighbour on one side.
        before = case.stems[number - 1] if number else None
        after = case.stems[number + 1] if number + 1 < len(case.stems) else None
        fade = _fade(stems, before, after)
        part = slice(stems.start, stems.start + stems.frames)
        weight[part] += fade
        for row, (stem, sign) in enumerate(
            zip((stems.target, stems.residual), stems.polarity, strict=True)
        ):
            joined[row, part] += sign * fade * _placed(stem, stems.delay, stems.frames)
    joined /= np.maximum(weight, TINY)
    return joined[0], joined[1]


def _fade(stems: Stems, before: Stems | None, after: Stems | None) -> Exact:
    at = np.arange(stems.frames) + 0.5
    fade = np.ones(stems.frames)
    if before is not None and (overlap := before.start + before.frames - stems.start) > 0:
        fade = np.minimum(fade, at / overlap)
    if after is not None and (overlap := stems.start + stems.frames - after.start) > 0:
        fade = np.minimum(fade, (stems.frames - at) / overlap)
    return fade


def _placed(stem: NDArray[np.float32], delay: float, frames: int) -> Exact:
    room = int(abs(delay)) + 1
    wide = np.pad(stem.astype(np.float64), (room, room + frames))
    return (late(wide, -delay) if delay else wide)[room : room + frames]


def do_nothing(case: Case, target: Exact, residual: Exact) -> Exact:
    """Return the mix."""
    return case.mix.astype(np.float64)


def duplicated(case: Case, target: Exact, residual: Exact) -> Exact:
    """Put the mono on every channel."""
    return np.repeat(target[:, np.newaxis], case.mix.shape[1], axis=1)


def one_gain(case: Case, target: Exact, residual: Exact) -> Exact:
    """Put the mono on every channel with one gain each, fitted together with the residual's."""
    stems = np.column_stack([target, residual])
    gains = np.linalg.lstsq(stems, case.mix.astype(np.float64), rcond=None)[0]
    image: Exact = target[:, np.newaxis] * gains[0]
    return image


def amplitude_mask(case: Case, target: Exact, residual: Exact) -> Exact:
    """Weigh every cell of every channel by |T| / (|T| + |R|)."""
    shares = [np.abs(spectra(stem)) for stem in (target, residual)]
    return sound(spectra(case.mix.T) * _share(*shares), len(target))


def power_mask(case: Case, target: Exact, residual: Exact) -> Exact:
    """Weigh every cell of every channel by |T|² / (|T|² + |R|²)."""
    shares = [np.abs(spectra(stem)) ** 2 for stem in (target, residual)]
    return sound(spectra(case.mix.T) * _share(*shares), len(target))


def least_squares(case: Case, target: Exact, residual: Exact) -> Exact:
    """Fit the channels with both stems, per band and running; share out what is left by power."""
    return _fitted(case, target, residual, lean=0.0)


def least_squares_leaning(case: Case, target: Exact, residual: Exact) -> Exact:
    """The same, as if some seconds of the clip's average had been heard as well."""
    return _fitted(case, target, residual, lean=LEAN_SECONDS)


def wiener(case: Case, target: Exact, residual: Exact) -> Exact:
    """Multichannel Wiener filter (Duong et al. 2010) that starts from the power mask's parts.

    Each part is a power per cell times a spatial covariance per bin (Nugraha et al. 2016); both
    covariances of a bin are made diagonal together, so that no cell needs an inverse of its own.
    """
    mix = spectra(case.mix.T)
    mask = _share(*(np.abs(spectra(stem)) ** 2 for stem in (target, residual)))
    first = mix * mask
    for _ in range(ROUNDS):
        parts = (first, mix - first)
        powers = [np.mean(np.abs(part) ** 2, axis=0) for part in parts]
        spatial = [_covariance(part, power) for part, power in zip(parts, powers, strict=True)]
        basis, shares = _both_diagonal(spatial[0], spatial[1])
        # [bins, channels, frames]; the basis turns the second covariance into 1.
        turned = basis.conj().transpose(0, 2, 1) @ mix.transpose(2, 0, 1)
        own = powers[0].T[:, np.newaxis] * shares[:, :, np.newaxis]
        turned *= own / (own + powers[1].T[:, np.newaxis] + TINY)
        back = np.linalg.inv(basis.conj().transpose(0, 2, 1))
        first = (back @ turned).transpose(1, 2, 0)
    return sound(first, len(target))


def oracle(case: Case, target: Exact, residual: Exact) -> Exact:
    """The power mask of each channel, made of the true parts: an upper bound, no method."""
    shares = [np.abs(spectra(image.T)) ** 2 for image in (case.target, case.residual)]
    return sound(spectra(case.mix.T) * _share(*shares), len(case.mix))


ORACLE = "oracle mask"
METHODS: dict[str, Method] = {
    "do nothing": do_nothing,
    "mono": duplicated,
    "gain": one_gain,
    "amplitude": amplitude_mask,
    "power": power_mask,
    "fit": least_squares,
    "fit, leaning": least_squares_leaning,
    "Wiener": wiener,
    ORACLE: oracle,
}


def spectra(sound: NDArray[np.floating]) -> Spectra:
    """Short-time spectra over the last axis, with room on both sides."""
    frames = sound.shape[-1]
    whole = -(-frames // HOP) * HOP
    edges = [(0, 0)] * (sound.ndim - 1) + [(SIZE - HOP, SIZE - HOP + whole - frames)]
    padded = np.pad(sound.astype(np.float64), edges)
    parts = np.lib.stride_tricks.sliding_window_view(padded, SIZE, axis=-1)[..., ::HOP, :]
    return np.fft.rfft(parts * _window(), axis=-1)


def sound(spectra: Spectra, frames: int) -> Exact:
    """The sound of spectra [channels, frames, bins] as [frames, channels]."""
    parts = np.fft.irfft(spectra, SIZE, axis=-1) * _window() * (2 * HOP / SIZE)
    total = np.zeros((len(parts), HOP * (parts.shape[1] - 1) + SIZE))
    for number in range(parts.shape[1]):
        total[:, number * HOP : number * HOP + SIZE] += parts[:, number]
    return total[:, SIZE - HOP : SIZE - HOP + frames].T


def _window() -> Exact:
    return np.sqrt(np.hanning(SIZE + 1)[:-1])


def _share(one: Exact, other: Exact) -> Exact:
    return one / (one + other + TINY)


def _covariance(part: Spectra, power: Exact) -> Spectra:
    by_bin = part.transpose(2, 0, 1)
    covariance = by_bin @ by_bin.conj().transpose(0, 2, 1)
    covariance /= (np.sum(power, axis=0) + TINY)[:, np.newaxis, np.newaxis]
    regular: Spectra = covariance + REGULAR * np.eye(len(part))
    return regular


def _both_diagonal(one: Spectra, other: Spectra) -> tuple[Spectra, Exact]:
    """For each bin a basis B with B* other B = 1 and B* one B diagonal; and that diagonal."""
    root = np.linalg.inv(np.linalg.cholesky(other))
    values, turn = np.linalg.eigh(root @ one @ root.conj().transpose(0, 2, 1))
    return root.conj().transpose(0, 2, 1) @ turn, np.maximum(values, 0.0)


def _edges() -> NDArray[np.int_]:
    bins = SIZE // 2 + 1
    wide = np.geomspace(16, bins, BANDS - 16)[:-1]
    return np.unique(np.concatenate([np.arange(16), np.round(wide).astype(int)]))


def _fitted(case: Case, target: Exact, residual: Exact, lean: float) -> Exact:
    mix, stems = spectra(case.mix.T), spectra(np.stack([target, residual]))
    edges = _edges()
    band = np.searchsorted(edges, np.arange(SIZE // 2 + 1), "right") - 1
    own = _summed(stems[:, np.newaxis] * stems[np.newaxis].conj(), edges)
    with_mix = np.stack([_summed(mix * stem.conj(), edges) for stem in stems])
    out = np.empty_like(mix)
    for number, (within, across) in enumerate(_running(own, with_mix, lean)):
        regular = REGULAR * (within[0, 0] + within[1, 1]).real + TINY
        first, second = within[0, 0] + regular, within[1, 1] + regular
        cross = within[0, 1]
        determinant = first * second - np.abs(cross) ** 2
        gains = np.stack(
            [
                (across[0] * second - across[1] * cross.conj()) / determinant,
                (across[1] * first - across[0] * cross) / determinant,
            ]
        )
        parts = gains[:, :, band] * stems[:, np.newaxis, number]
        left = mix[:, number] - parts.sum(0)
        powers = np.abs(parts) ** 2
        out[:, number] = parts[0] + left * _share(powers[0], powers[1])
    return sound(out, len(target))


def _summed(products: Spectra, edges: NDArray[np.int_]) -> Spectra:
    summed: Spectra = np.add.reduceat(products, edges, axis=-1)
    return summed


def _running(own: Spectra, with_mix: Spectra, lean: float) -> Iterator[tuple[Spectra, Spectra]]:
    """The statistics up to each frame: exponential, and the whole clip's at the present level."""
    keep = float(np.exp(-HOP / (TAU_SECONDS * 48_000)))
    averages = own.mean(-2), with_mix.mean(-2)
    level = (own[0, 0] + own[1, 1]).real.sum(-1)
    weights = lean * 48_000 / HOP * level / (level.mean() + TINY)
    within, across = np.zeros_like(averages[0]), np.zeros_like(averages[1])
    weight = weights[0]
    for number in range(own.shape[-2]):
        within = keep * within + own[..., number, :]
        across = keep * across + with_mix[..., number, :]
        weight = keep * weight + (1 - keep) * weights[number]
        yield within + weight * averages[0], across + weight * averages[1]
