// From proof to run: what a verified program may leave out, and what it must not.
#include <doctest/doctest.h>

#include <array>
#include <cstring>

#include <skep/skep.hpp>

#include "support/run_asm.hpp"

using namespace skep;
using namespace skep::test;

namespace {

Verdict judged(std::string_view text, ProgType type, const std::vector<Map>& maps = {}) {
  const auto program = Program::from_insns(assembled(text), type, maps, "GPL");
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  return verify(*program);
}

Executable proven(const Verdict& verdict, const BuildOptions& options = {}) {
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
  auto executable = Executable::build(*verdict.verified(), options);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  return *executable;
}

/// r0 = the packet's first byte + its length + ingress_ifindex; 0 for an empty packet.
constexpr const char* kReadsPacket =
    "mov %r6, %r1\n"
    "mov %r0, 0\n"
    "ldxw %r2, [%r6+0]\n"
    "ldxw %r3, [%r6+4]\n"
    "mov %r4, %r2\n"
    "add %r4, 1\n"
    "jgt %r4, %r3, +5\n"
    "ldxb %r0, [%r2+0]\n"
    "sub %r3, %r2\n"
    "add %r0, %r3\n"
    "ldxw %r1, [%r6+12]\n"
    "add %r0, %r1\n"
    "exit";

std::array<std::byte, 60> frame() {
  std::array<std::byte, 60> bytes{};
  bytes[0] = std::byte{7};
  return bytes;
}

}  // namespace

TEST_CASE("a verified program answers as a guarded one does, in every mode") {
  const Verdict verdict = judged(kReadsPacket, ProgType::xdp);
  const auto bytes = frame();
  for (const auto mode : {std::optional<Mode>(), std::optional(Mode::guarded), std::optional(Mode::enforced)}) {
    XdpPacket packet(bytes, {.ingress_ifindex = 5});
    const RunResult result = proven(verdict, {.mode = mode}).run(packet);
    CHECK(result.ok());
    CHECK(result.value == 7 + 60 + 5);
    XdpPacket empty({});
    CHECK(proven(verdict, {.mode = mode}).run(empty).value == 0);
  }
}

TEST_CASE("what is loaded of a context follows the packet when it moves, also in a copy of it") {
  const Verdict verdict = judged(
      "mov %r6, %r1\n"
      "mov %r2, -4\n"
      "call 44\n"  // xdp_adjust_head
      "ldxw %r2, [%r6+0]\n"
      "ldxw %r0, [%r6+4]\n"
      "sub %r0, %r2\n"
      "exit",
      ProgType::xdp);
  const auto bytes = frame();
  XdpPacket packet(bytes);
  XdpPacket copy(packet);
  const Executable executable = proven(verdict);
  CHECK(executable.run(packet).value == 64);
  CHECK(executable.run(copy).value == 64);
  CHECK(executable.run(copy).value == 68);
  packet.reset(std::span(bytes).first(20));
  CHECK(executable.run(packet).value == 24);
}

TEST_CASE("a refused program yields no proof, and the error says why") {
  const Verdict verdict = judged("ldxdw %r0, [%r1+4096]\nexit", ProgType::xdp);
  REQUIRE(!verdict.ok());
  const auto proof = verdict.verified();
  REQUIRE(!proof);
  CHECK(proof.error().code == ErrorCode::refused);
  CHECK(proof.error().message().find(verdict.problems().front().message) != std::string::npos);
}

TEST_CASE("enforcing what nobody proved is refused") {
  const auto program = Program::from_insns(assembled("mov %r0, 0\nexit"), ProgType::xdp);
  REQUIRE(program);
  const auto executable = Executable::build(*program, {.mode = Mode::enforced});
  REQUIRE(!executable);
  CHECK(executable.error().code == ErrorCode::invalid);
}

TEST_CASE("a verified program runs on no context but its own") {
  const Executable packets = proven(judged(kReadsPacket, ProgType::xdp));
  std::array<std::byte, 64> bytes{};
  RawContext raw{std::span(bytes)};
  CHECK(packets.run(raw).fault_kind() == FaultKind::wrong_context);
  CHECK(!packets.run(raw).fault->proven_otherwise);

  // 16 bytes of a raw tracepoint's arguments.
  const Executable arguments = proven(judged("ldxdw %r0, [%r1+8]\nexit", ProgType::raw_tracepoint));
  bytes[8] = std::byte{9};
  CHECK(arguments.run(raw).value == 9);
  RawContext shorter{std::span(bytes).first(15)};
  CHECK(arguments.run(shorter).fault_kind() == FaultKind::wrong_context);
  RawContext none;
  CHECK(arguments.run(none).fault_kind() == FaultKind::wrong_context);

  // A system call program writes what it is handed.
  const Executable writer = proven(judged("mov %r0, 0\nstxdw [%r1+8], %r0\nexit", ProgType::syscall));
  CHECK(writer.run(raw).ok());
  CHECK(bytes[8] == std::byte{0});
  RawContext constant{std::span<const std::byte>(bytes)};
  CHECK(writer.run(constant).fault_kind() == FaultKind::wrong_context);

  // Who reads nothing of it runs on anything.
  CHECK(proven(judged("mov %r0, 3\nexit", ProgType::sched_cls)).run(none).value == 3);
}

TEST_CASE("a wrong context is the fault of the program's first instruction, on every engine and behind a tail call") {
  std::array<std::byte, 16> bytes{};
  RawContext raw{std::span(bytes)};
  for (const Engine engine : {Engine::best, Engine::interpreter}) {
    const Executable wants_more =
        proven(judged("ldxdw %r0, [%r1+16]\nexit", ProgType::raw_tracepoint), {.engine = engine});
    const RunResult at_once = wants_more.run(raw);
    REQUIRE(at_once.fault_kind() == FaultKind::wrong_context);
    CHECK(at_once.fault->pc == 0);

    const auto programs = Map::create({.type = MapType::prog_array, .key_size = 4, .value_size = 4, .max_entries = 1});
    REQUIRE(programs);
    REQUIRE(wants_more.put_into(*programs, 0));
    const Verdict verdict =
        judged("ld_pseudo r2, 0x1, 0x0\nr3 = 0\ncall 12\nr0 = 0\nexit", ProgType::raw_tracepoint, {*programs});
    const RunResult behind = proven(verdict, {.engine = engine}).run(raw);
    REQUIRE(behind.fault_kind() == FaultKind::wrong_context);
    CHECK(behind.fault->pc == 0);
  }
}

TEST_CASE("packet pointers come out of the type's own structure only") {
  // Of an __sk_buff there is no native form: raw bytes must not become pointers.
  const Verdict verdict = judged(
      "mov %r0, 0\n"
      "ldxw %r2, [%r1+76]\n"
      "ldxw %r3, [%r1+80]\n"
      "mov %r4, %r2\n"
      "add %r4, 1\n"
      "jgt %r4, %r3, +1\n"
      "ldxb %r0, [%r2+0]\n"
      "exit",
      ProgType::sched_cls);
  std::array<std::byte, 256> bytes{};
  bytes[80] = std::byte{0xff};
  RawContext raw{std::span(bytes)};
  CHECK(proven(verdict).run(raw).fault_kind() == FaultKind::wrong_context);
}

TEST_CASE("a helper of the application in Linux' place is none that was proven") {
  const Verdict verdict = judged("call 7\nexit", ProgType::xdp);
  HelperSpec spec;
  spec.id = 7;
  spec.name = "mine";
  spec.function = [](HelperCall&, const std::array<std::uint64_t, 5>&) -> std::uint64_t { return 1; };
  const auto built = Executable::build(*verdict.verified(), {.helpers = {spec}});
  REQUIRE(!built);
  CHECK(built.error().code == ErrorCode::unsupported);
  CHECK(built.error().message().find("helper 7") != std::string::npos);
}

TEST_CASE("what is settled before the run is neither run nor counted") {
  const Verdict verdict = judged(
      "mov %r0, 1\n"
      "jeq %r0, 1, +2\n"
      "mov %r0, 2\n"
      "exit\n"
      "jeq %r0, 2, +1\n"
      "mov %r0, 7\n"
      "exit",
      ProgType::xdp);
  XdpPacket packet(frame());
  const RunResult settled = proven(verdict).run(packet, {.budget = 100});
  CHECK(settled.value == 7);
  CHECK(settled.insns == 2);
  const RunResult enforced = proven(verdict, {.mode = Mode::enforced}).run(packet, {.budget = 100});
  CHECK(enforced.value == 7);
  CHECK(enforced.insns == 5);
}

TEST_CASE("a stack that the program never wrote reads as zeros without guards, too") {
  // Twice: the second frame lies where the first one left its traces.
  const Verdict verdict = judged(
      "mov %r1, 1\n"
      "call local +5\n"
      "mov %r6, %r0\n"
      "mov %r1, 0\n"
      "call local +2\n"
      "add %r0, %r6\n"
      "exit\n"
      "jeq %r1, 0, +1\n"
      "stdw [%r10-64], 77\n"
      "ldxdw %r0, [%r10-64]\n"
      "exit",
      ProgType::xdp);
  XdpPacket packet(frame());
  CHECK(proven(verdict).run(packet).value == 77);
}

TEST_CASE("a look-up in a map that is known finds what any look-up finds, in every engine") {
  // key = first byte of the context; r0 = value, or 99 where there is none.
  constexpr const char* kBefore = "ldxdw %r2, [%r1+0]\nstxdw [%r10-8], %r2\nmov %r2, %r10\nadd %r2, -8\n";
  constexpr const char* kAfter = "call 1\njne %r0, 0, +2\nmov %r0, 99\nexit\nldxdw %r0, [%r0+0]\nexit";
  struct Kind {
    MapType type;
    std::uint32_t key, value;
  };
  for (const Kind kind :
       {Kind{MapType::array, 4, 8}, Kind{MapType::array, 4, 24}, Kind{MapType::hash, 8, 8}, Kind{MapType::hash, 4, 16},
        Kind{MapType::lru_hash, 8, 8}, Kind{MapType::percpu_array, 4, 8}}) {
    MapSpec spec;
    spec.name = "m";
    spec.type = kind.type;
    spec.key_size = kind.key;
    spec.value_size = kind.value;
    spec.max_entries = 5;
    const auto map = Map::create(spec, 1);  // fewer CPUs than the host may have
    REQUIRE(map);
    for (std::uint64_t key = 0; key < 4; ++key) {
      std::vector<std::byte> value(kind.value);
      value[0] = static_cast<std::byte>(10 + key);
      REQUIRE(map->update(std::as_bytes(std::span(&key, 1)).first(kind.key), value));
    }
    auto insns = assembled(kBefore);
    insns.emplace_back(0x18, 1, 1, 0, 0);
    insns.emplace_back(0, 0, 0, 0, 0);
    for (const Insn& insn : assembled(kAfter)) insns.push_back(insn);
    const auto program = Program::from_insns(insns, ProgType::raw_tracepoint, std::span(&*map, 1));
    REQUIRE(program);
    const Verdict verdict = verify(*program);
    for (const Engine engine : {Engine::interpreter, Engine::best}) {
      const Executable fast = proven(verdict, {.engine = engine});
      const Executable careful = proven(verdict, {.mode = Mode::enforced, .engine = engine});
      for (std::uint64_t key = 0; key < 8; ++key) {
        CAPTURE(key);
        RawContext context{std::as_writable_bytes(std::span(&key, 1))};
        const std::uint64_t expected = careful.run(context).value;
        CHECK(fast.run(context).value == expected);
        if (key < 4) CHECK(expected == 10 + key);
      }
    }
  }
}
