"""Files, downloads and devices: what the other floors stand on.

    errors.py       SpamftError, the one error that a user can correct
    files.py        files and folders that appear whole or not at all
    growing.py      a file written for hours, that resumes where it was killed
    locks.py        locks that end with the process that holds them
    jsonfile.py     JSON files, also with a seal that tells every change
    tensors.py      files of tensors, every failure a clear error
    checkpoint.py   tensors and settings in one file, to resume from
    randomness.py   the states of all random generators
    bookkeeping.py  what a training remembers from step to step
    device.py       cuda, mps or cpu, and what each of them can do
    threads.py      how many threads compute, and how they wait
    cgroup.py       what a container grants: processors and memory
    machine.py      what a machine is, and how fast it multiplies
    ragged.py       many short lists of numbers in one array
    distinct.py     which of many things are the same
    scratch.py      room for tensors on the disk
    extras.py       libraries that only some users need
    options.py      a field that is an option of the command line, too
    scores.py       metrics that many classes cost no more than few
    buckets.py      group lengths so that padding them costs little
    modes.py        evaluation mode for a while
    fetch.py        an address -> a whole, checked file
    answers.py      what a server answers, for as long as we care to listen
    wheel.py        one file out of a wheel of the package index
    waiting.py      wait for work that may never end, but not for long
    archive.py      a published zip -> the one file of it that is wanted
    display.py      text of strangers, harmless for terminals, errors, spreadsheets

Nothing here knows what a message is for, or what a model is.
"""
