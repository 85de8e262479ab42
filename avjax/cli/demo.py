"""The command `avjax demo`."""

import argparse

from avjax.cli.output import print_result

DEMO_FILES = "face.png", "sound.wav", "talk.mp4", "contact_sheet.png"
DEMO_PUPPET = 0, 164  # seed and index of a person that is in no training set


def demo(options: argparse.Namespace) -> None:
    """Write a folder with a synthetic face that speaks; needs no other files."""
    from avjax.media import files

    files.check_folder(options.folder, DEMO_FILES)
    from avjax.data import puppet
    from avjax.data.puppet.portrait import render_portrait
    from avjax.media import audio_io, image_io
    from avjax.pipelines.talk import talk
    from avjax.text.tts import check_writing_system
    from avjax.visualize.contact_sheet import contact_sheet

    person = puppet.make_puppet(*DEMO_PUPPET)
    check_writing_system(options.text, person.voice.name)
    wave = puppet.speak(person, options.text).wave
    image, (left, top, right, bottom) = render_portrait(person)
    box = left, top, right - left, bottom - top
    with files.atomic_folder(options.folder, DEMO_FILES) as temporary:
        face, audio, video, sheet = (temporary / name for name in DEMO_FILES)
        image_io.write_png(face, image)
        audio_io.write_wav(audio, wave)
        talking = talk(face, audio, weights="taem-puppet", box=box, progress=True)
        report = talking.save(video)
        image_io.write_png(sheet, contact_sheet(video))
    if options.json:
        print_result(report, True, [options.folder / name for name in DEMO_FILES])
    else:
        from avjax.pipelines.formatting import describe_found

        # The box is that of the rendered face, and not one that the user gave.
        given = describe_found([], report.num_frames, box_given=True)
        text = str(report).replace(f"{given}\n", "")
        print(f"{text}\nwrote {', '.join(DEMO_FILES)} into {options.folder}")
