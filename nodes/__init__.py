"""The nodes: one file for each node. `host` connects them to ComfyUI."""

from __future__ import annotations

import logging

from comfy_api.latest import ComfyExtension, io


class MusicExtension(ComfyExtension):
    """The pack's nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        # The schemas of the nodes use this class. An older ComfyUI does not have it.
        if not hasattr(io, "DynamicCombo"):
            logging.getLogger("aigateway").error(
                "AIgateway Music needs ComfyUI 0.8.0 or newer: update ComfyUI to get its nodes."
            )
            return []
        from . import host, order_ahead, routes, session
        from .add_soundtrack import AddSoundtrack
        from .align_family import AlignFamily
        from .beats import Beats
        from .cue_sheet import CueSheet
        from .describe_clip import DescribeClip
        from .fit_music import FitMusic
        from .layers import Layers
        from .load_audio_url import LoadAudioURL
        from .make_loop import MakeLoop
        from .music_length import MusicLength
        from .poll_job import PollJob
        from .prompt_to_music import PromptToMusic
        from .read_receipt import ReadReceipt
        from .save_audio import SaveAudio
        from .shots import Shots
        from .stinger import Stinger
        from .takes import Takes
        from .timed_lyrics import TimedLyrics
        from .visualize import Visualize

        # ComfyUI 0.8 does not call `on_load` yet.
        table = host.server_routes()
        if table is not None:
            routes.add_to(table)
            host.watch_queue(order_ahead.order)
            host.offer_sample_clip()
            session.collect_at_start()
        return [
            PromptToMusic,
            PollJob,
            LoadAudioURL,
            SaveAudio,
            MusicLength,
            FitMusic,
            AddSoundtrack,
            Beats,
            Visualize,
            MakeLoop,
            Takes,
            CueSheet,
            ReadReceipt,
            Shots,
            DescribeClip,
            TimedLyrics,
            AlignFamily,
            Layers,
            Stinger,
        ]


def extension() -> MusicExtension:
    return MusicExtension()
