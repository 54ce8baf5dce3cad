// A ring-buffer consumer: one thread runs a program over packets, another waits for the records it sends.
//
//   build/examples/ringbuf build/examples/events.bpf.o
#include <array>
#include <cstdio>
#include <cstring>
#include <thread>

#include <skep/skep.hpp>

#include "event.h"

namespace {

constexpr int kPackets = 5;

int complain(const skep::Error& error) {
  std::fprintf(stderr, "ringbuf: %s\n", error.message().c_str());
  return 1;
}

void produce(const skep::Executable& executable) {
  for (int i = 0; i < kPackets; ++i) {
    std::array<std::byte, 64> frame{};
    frame[0] = static_cast<std::byte>(i);
    skep::XdpPacket packet(frame);
    executable.run(packet);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto object = skep::Object::load_file(argc > 1 ? argv[1] : "build/examples/events.bpf.o");
  if (!object) return complain(object.error());
  const auto program = object->program("tell");
  if (!program) return complain(program.error());
  const auto executable = skep::Executable::build(*program);
  if (!executable) return complain(executable.error());
  const auto map = object->map("events");
  if (!map) return complain(map.error());

  auto ring = skep::RingBuffer::open(*map, [](std::span<const std::byte> record) {
    event seen{};
    if (record.size() != sizeof(seen)) return false;
    std::memcpy(&seen, record.data(), sizeof(seen));
    std::printf("a packet of %u bytes, first word %u\n", seen.bytes, seen.first_word);
    return true;
  });
  if (!ring) return complain(ring.error());

  std::jthread producer([&] { produce(*executable); });
  for (std::size_t seen = 0; seen < kPackets;) {
    const auto consumed = ring->poll(1000);
    if (!consumed) return complain(consumed.error());
    if (*consumed == 0) return std::fprintf(stderr, "ringbuf: no record within a second\n"), 1;
    seen += *consumed;
  }
}
