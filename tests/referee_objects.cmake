# All objects against Linux 6.12's libbpf; scripts/referee-objects prepares what is compared with. The tests of the room
# alone say that they are skipped.
skep_test(referee_objects ROOMS isa elf btf abi program loader
          SOURCES referee/objects/objects_test.cpp referee/objects/compare.cpp referee/objects/testimony.cpp support/objects.cpp
          LABELS referee)
