"""Cut stretches of one speaking face out of any video, for `avjax data build clips`.

`videos` finds the files, `shots` and `stretches` decide where to cut, `transcripts`
gives each stretch its words, `sync_check` compares sound and picture, and `cutting`
does all of it for one file.
"""
