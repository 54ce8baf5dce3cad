// The whole road against the running kernel: the demo's object over the demo's capture, in skep and in the kernel
// (libbpf, BPF_PROG_TEST_RUN). Verdict and bytes of every packet, every map and every ring-buffer record must be the
// same.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <skep/skep.hpp>

#include "support/kernel.hpp"

using namespace skep;

namespace {

using Packet = std::vector<std::byte>;
/// Key to value, as bytes.
using Contents = std::map<std::string, std::string>;

std::string chars_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const std::string kObject = SKEP_EXAMPLES_DIR "/counters.bpf.o";
const std::string kCapture = SKEP_EXAMPLES_DIR "/traffic.pcap";

/// A classic capture file, little-endian. By hand, as <pcap.h> and <linux/bpf.h> both define a struct bpf_insn.
std::vector<Packet> read_capture(const std::string& path) {
  struct Record {
    std::uint32_t seconds, micros, captured, length;
  };
  constexpr std::size_t kFileHeaderBytes = 24;
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, "cannot read ", path);
  file.ignore(kFileHeaderBytes);
  std::vector<Packet> packets;
  for (Record record{}; file.read(reinterpret_cast<char*>(&record), sizeof(record));) {
    Packet packet(record.captured);
    REQUIRE(file.read(reinterpret_cast<char*>(packet.data()), record.captured));
    packets.push_back(std::move(packet));
  }
  return packets;
}

struct Outcome {
  std::vector<std::uint32_t> verdicts;
  std::vector<Packet> packets;
  std::map<std::string, Contents> maps;
  std::vector<std::vector<std::byte>> records;
};

/// Maps are compared by these names; .rodata and a ring buffer say nothing that the rest does not.
const std::array<const char*, 3> kMaps{"counters", ".data", ".bss"};

Outcome run_in_skep(const std::vector<Packet>& packets) {
  Outcome outcome;
  const auto object = Object::load_file(kObject, {.host = make_process_host({.trace_fd = -1})});
  REQUIRE_MESSAGE(object, object.error().message());
  const auto executable = Executable::build(*object->program("count_and_filter"));
  REQUIRE_MESSAGE(executable, executable.error().message());
  auto ring = RingBuffer::open(*object->map("drops"), [&](std::span<const std::byte> record) {
    outcome.records.emplace_back(record.begin(), record.end());
    return true;
  });
  REQUIRE(ring);
  for (const Packet& packet : packets) {
    XdpPacket context(packet);
    const RunResult result = executable->run(context);
    REQUIRE_MESSAGE(result.ok(), executable->explain(result.fault));
    outcome.verdicts.push_back(static_cast<std::uint32_t>(result.value));
    outcome.packets.emplace_back(context.frame().begin(), context.frame().end());
    ring->consume();
  }
  for (const char* name : kMaps)
    object->map(name)->for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      outcome.maps[name][chars_of(key)] = chars_of(value);
      return true;
    });
  return outcome;
}

Contents read_kernel_map(bpf_map* map) {
  Contents contents;
  std::string key(bpf_map__key_size(map), '\0');
  std::string value(bpf_map__value_size(map), '\0');
  const void* previous = nullptr;
  while (bpf_map_get_next_key(bpf_map__fd(map), previous, key.data()) == 0) {
    REQUIRE(bpf_map_lookup_elem(bpf_map__fd(map), key.data(), value.data()) == 0);
    previous = contents.insert_or_assign(key, value).first->first.data();
  }
  return contents;
}

/// Global data maps are called "<object>.bss" by libbpf, cut to what the kernel allows.
bpf_map* find_kernel_map(bpf_object* object, std::string_view name) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (std::string_view(bpf_map__name(map)).ends_with(name)) return map;
  }
  FAIL("the kernel has no map ", std::string(name));
  return nullptr;
}

Outcome run_in_kernel(const std::vector<Packet>& packets) {
  Outcome outcome;
  libbpf_set_print(nullptr);
  const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(
      bpf_object__open_file(kObject.c_str(), nullptr), &bpf_object__close);
  REQUIRE(object);
  REQUIRE(bpf_object__load(object.get()) == 0);
  const int program = bpf_program__fd(bpf_object__find_program_by_name(object.get(), "count_and_filter"));
  const auto take = [](void* to, void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    static_cast<Outcome*>(to)->records.emplace_back(bytes, bytes + size);
    return 0;
  };
  const std::unique_ptr<ring_buffer, decltype(&ring_buffer__free)> ring(
      ring_buffer__new(bpf_map__fd(find_kernel_map(object.get(), "drops")), take, &outcome, nullptr),
      &ring_buffer__free);
  REQUIRE(ring);
  for (const Packet& packet : packets) {
    Packet out(packet.size() + 512);
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = packet.data();
    run.data_size_in = static_cast<std::uint32_t>(packet.size());
    run.data_out = out.data();
    run.data_size_out = static_cast<std::uint32_t>(out.size());
    run.repeat = 1;
    REQUIRE(bpf_prog_test_run_opts(program, &run) == 0);
    out.resize(run.data_size_out);
    outcome.verdicts.push_back(run.retval);
    outcome.packets.push_back(std::move(out));
    ring_buffer__consume(ring.get());
  }
  for (const char* name : kMaps) outcome.maps[name] = read_kernel_map(find_kernel_map(object.get(), name));
  return outcome;
}

}  // namespace

TEST_CASE("the demo drops telnet, counts every packet once and reports every drop") {
  const std::vector<Packet> packets = read_capture(kCapture);
  CHECK(packets.size() > 1500);
  const Outcome outcome = run_in_skep(packets);
  const auto drops = static_cast<std::size_t>(std::count(outcome.verdicts.begin(), outcome.verdicts.end(), 1u));
  CHECK(drops > 100);
  CHECK(drops < packets.size() / 2);
  CHECK(outcome.records.size() == drops);
  std::uint64_t counted = 0;
  std::uint64_t dropped = 0;
  for (const auto& [key, value] : outcome.maps.at("counters")) {
    std::array<std::uint64_t, 3> counter{};
    REQUIRE(value.size() == sizeof(counter));
    std::memcpy(counter.data(), value.data(), sizeof(counter));
    counted += counter[0];
    dropped += counter[2];
  }
  CHECK(counted == packets.size());
  CHECK(dropped == drops);
}

TEST_CASE("verdicts, packets, maps and ring-buffer records of the demo are those of the running kernel") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  const std::vector<Packet> packets = read_capture(kCapture);
  const Outcome ours = run_in_skep(packets);
  const Outcome theirs = run_in_kernel(packets);
  CHECK(ours.verdicts == theirs.verdicts);
  CHECK((ours.packets == theirs.packets));
  CHECK((ours.records == theirs.records));
  for (const char* name : kMaps) {
    CAPTURE(name);
    CHECK((ours.maps.at(name) == theirs.maps.at(name)));
  }
}
