"""How fast HashStagram is on this machine, beside the stack of 2018 in the same run and beside the machine's floors.

stack2018/   the yardstick
pictures     the photos that are measured with
worker       a process that answers one side's jobs: `sides`, `work`, `peaks`
driving      the parent's end of it
rounds       baseline and ours in turns, and what follows from their times
latency, decode, in_process, throughput, memory, start, gpu
             what is measured, one part a module
servers, visitors
             both servers, and those who ask them
floors       the least time that a network can take here
rows, machine, results, reach, chart, report
             a measured line, where it was measured, and how all of them are kept and shown

`python -m benchmarks --help` has the rest. Nothing outside this room imports it.
"""
