"""ComfyUI's door to the pack."""

from typing import TYPE_CHECKING

WEB_DIRECTORY = "./web"

if TYPE_CHECKING:
    # For tools that read this text and do not run it. ComfyUI calls `comfy_entrypoint` only where
    # this name does not exist at run time. `tests/registry/nodes_json.py` writes the table.
    NODE_CLASS_MAPPINGS = {
        "AIGatewayAddSoundtrack": "nodes.add_soundtrack.AddSoundtrack",
        "AIGatewayAlignFamily": "nodes.align_family.AlignFamily",
        "AIGatewayBeats": "nodes.beats.Beats",
        "AIGatewayCueSheet": "nodes.cue_sheet.CueSheet",
        "AIGatewayDescribeClip": "nodes.describe_clip.DescribeClip",
        "AIGatewayFitMusic": "nodes.fit_music.FitMusic",
        "AIGatewayLayers": "nodes.layers.Layers",
        "AIGatewayLoadAudioURL": "nodes.load_audio_url.LoadAudioURL",
        "AIGatewayMakeLoop": "nodes.make_loop.MakeLoop",
        "AIGatewayMusicLength": "nodes.music_length.MusicLength",
        "AIGatewayPollJob": "nodes.poll_job.PollJob",
        "AIGatewayPromptToMusic": "nodes.prompt_to_music.PromptToMusic",
        "AIGatewayReadReceipt": "nodes.read_receipt.ReadReceipt",
        "AIGatewaySaveAudio": "nodes.save_audio.SaveAudio",
        "AIGatewayShots": "nodes.shots.Shots",
        "AIGatewayStinger": "nodes.stinger.Stinger",
        "AIGatewayTakes": "nodes.takes.Takes",
        "AIGatewayTimedLyrics": "nodes.timed_lyrics.TimedLyrics",
        "AIGatewayVisualize": "nodes.visualize.Visualize",
    }


async def comfy_entrypoint():
    from .nodes import extension

    return extension()
