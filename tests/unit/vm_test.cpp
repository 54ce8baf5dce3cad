// Both engines and their guard: what runs, what ends a run, and that a run cannot reach beyond its regions. Run once
// for each engine, see tests/vm.cmake.
#include <doctest/doctest.h>

#include <array>
#include <cstring>

#include "support/run_asm.hpp"

using namespace skep;
using namespace skep::test;

namespace {

Map make_map(MapType type, std::uint32_t key, std::uint32_t value, std::uint32_t entries, std::uint32_t flags = 0) {
  MapSpec spec;
  spec.name = "m";
  spec.type = type;
  spec.key_size = key;
  spec.value_size = value;
  spec.max_entries = entries;
  spec.flags = flags;
  auto map = Map::create(spec, 2);
  if (!map) FAIL("no map: " << map.error().message());
  return *map;
}

/// Instructions of `before`, a reference to map 0 in r1, instructions of `after`.
std::vector<Insn> with_map(std::string_view before, std::string_view after) {
  auto insns = assembled(before);
  insns.emplace_back(0x18, 1, 1, 0, 0);
  insns.emplace_back(0, 0, 0, 0, 0);
  for (const Insn& insn : assembled(after)) insns.push_back(insn);
  return insns;
}

RunResult run_insns(const std::vector<Insn>& insns, const std::vector<Map>& maps,
                    BuildOptions options = {.engine = engine_under_test()}) {
  auto program = Program::from_insns(insns, ProgType::unspec, maps);
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  auto executable = Executable::build(*program, options);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  RawContext context;
  return executable->run(context);
}

}  // namespace

TEST_CASE("a program starts with r1 and r2 from its context and the rest zero") {
  std::array<std::byte, 8> bytes{};
  RawContext context{std::span(bytes)};
  CHECK(run_asm("mov %r0, %r1\nexit", context).value == reinterpret_cast<std::uint64_t>(bytes.data()));
  CHECK(run_asm("mov %r0, %r2\nexit", context).value == 8);
  CHECK(run_asm("mov %r0, %r7\nexit", context).value == 0);
}

TEST_CASE("a load or store outside every region ends the run with kind, pc and address") {
  const auto null_load = run_asm("mov %r1, 0\nldxdw %r0, [%r1+8]\nexit");
  CHECK(null_load.fault_kind() == FaultKind::bad_load);
  CHECK(null_load.fault->pc == 1);
  CHECK(null_load.fault->address == 8);
  CHECK(null_load.fault->size == 8);
  CHECK(null_load.value == 0);
  const auto wild_store = run_asm("lddw %r1, 0x4141414141414141\nstxw [%r1], %r1\nexit");
  CHECK(wild_store.fault_kind() == FaultKind::bad_store);
  CHECK(wild_store.fault->pc == 2);
  CHECK(run_asm("mov %r1, -1\nldxb %r0, [%r1]\nexit").fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("mov %r1, -1\nldxdw %r0, [%r1-3]\nexit").fault_kind() == FaultKind::bad_load);
}

TEST_CASE("a frame is 512 zeroed bytes, and one byte more on either side is out of bounds") {
  CHECK(run_asm("ldxdw %r0, [%r10-512]\nexit").ok());
  CHECK(run_asm("ldxdw %r0, [%r10-8]\nexit").value == 0);
  CHECK(run_asm("ldxb %r0, [%r10]\nexit").fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("ldxdw %r0, [%r10-7]\nexit").fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("ldxb %r0, [%r10-513]\nexit").fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("mov %r1, %r10\nsub %r1, 513\nstb [%r1], 1\nexit").fault_kind() == FaultKind::bad_store);
}

TEST_CASE("writing r10 is refused when the program is built") {
  CHECK(refusal("mov %r10, 0\nexit") == "insn 0: writes r10, which is the frame pointer and read-only");
  CHECK(refusal("ldxdw %r10, [%r1]\nexit").find("writes r10") != std::string::npos);
  CHECK(refusal("lock fetch add [%r1], %r10\nexit").find("writes r10") != std::string::npos);
}

TEST_CASE("context memory is bounded, and read-only where the application says so") {
  std::array<std::byte, 16> bytes{};
  bytes[15] = std::byte{7};
  RawContext writable{std::span(bytes)};
  CHECK(run_asm("ldxb %r0, [%r1+15]\nexit", writable).value == 7);
  CHECK(run_asm("ldxb %r0, [%r1+16]\nexit", writable).fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("ldxw %r0, [%r1+13]\nexit", writable).fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("ldxb %r0, [%r1-1]\nexit", writable).fault_kind() == FaultKind::bad_load);
  CHECK(run_asm("stdw [%r1+8], 5\nldxdw %r0, [%r1+8]\nexit", writable).value == 5);
  RawContext constant{std::span<const std::byte>(bytes)};
  CHECK(run_asm("ldxdw %r0, [%r1+8]\nexit", constant).value == 5);
  CHECK(run_asm("ldxdw %r0, [%r1+8]\nstb [%r1], 1\nexit", constant).fault_kind() == FaultKind::bad_store);
}

TEST_CASE("a loop that walks off its region faults at the first byte past it") {
  std::array<std::byte, 32> bytes{};
  RawContext context{std::span(bytes)};
  const auto result = run_asm("mov %r3, 0\nloop:\nldxb %r4, [%r1]\nadd %r1, 1\nadd %r3, 1\nja loop", context);
  CHECK(result.fault_kind() == FaultKind::bad_load);
  CHECK(result.fault->address == reinterpret_cast<std::uint64_t>(bytes.data() + bytes.size()));
  CHECK(std::string_view(result.fault->region.data()) == "context");
}

TEST_CASE("the instruction budget is exact") {
  const auto program = built("mov %r0, 0\nlddw %r1, 5\nadd %r0, %r1\nexit");
  RawContext context;
  const auto enough = program.run(context, {.budget = 4});
  CHECK(enough.ok());
  CHECK(enough.value == 5);
  CHECK(enough.insns == 4);
  for (std::uint64_t budget = 0; budget < 4; ++budget) {
    const auto short_run = program.run(context, {.budget = budget});
    CHECK(short_run.fault_kind() == FaultKind::budget);
    CHECK(short_run.insns == budget);
    constexpr std::uint32_t kPcs[] = {0, 1, 3, 4};
    CHECK(short_run.fault->pc == kPcs[budget]);
  }
  const auto endless = built("loop:\nja loop");
  CHECK(endless.run(context, {.budget = 1'000'000}).insns == 1'000'000);
}

TEST_CASE(
    "functions keep r6 to r9 for their caller, have frames of their own, and share the callers' stack by pointer") {
  CHECK(run_asm("mov %r6, 1\nmov %r9, 4\nmov %r1, 10\ncall local f\nadd %r0, %r6\nadd %r0, %r9\nexit\n"
                "f:\nmov %r6, 100\nmov %r9, 100\nmov %r0, %r1\nexit")
            .value == 15);
  CHECK(run_asm("stdw [%r10-8], 3\nmov %r1, %r10\ncall local f\nldxdw %r0, [%r10-8]\nexit\n"
                "f:\nldxdw %r2, [%r1-8]\nadd %r2, 4\nstxdw [%r1-8], %r2\nldxdw %r0, [%r10-8]\nexit")
            .value == 7);
}

TEST_CASE("what nobody proved finds its caller's registers, and its caller r1 to r5 as it left them") {
  for (const Mode mode : {Mode::guarded, Mode::unguarded}) {
    AsmOptions options;
    options.build.mode = mode;
    RawContext context;
    CHECK(run_asm("mov %r0, 1\nmov %r7, 20\ncall local f\nadd %r0, %r4\nexit\n"
                  "f:\nadd %r0, %r7\nmov %r4, 300\nexit",
                  context, options)
              .value == 321);
  }
}

TEST_CASE("a function that nobody proved finds zeros in its frame, whoever told it where that is") {
  RawContext context;
  CHECK(run_asm("call local g\nmov %r1, %r10\nsub %r1, 520\ncall local f\nexit\n"
                "g:\nmov %r0, -1\nstxdw [%r10-8], %r0\nexit\n"
                "f:\nldxdw %r0, [%r1+0]\nexit",
                context)
            .value == 0);
}

TEST_CASE("a program that jumps to the function right behind it begins it once") {
  // A jump to where control goes on anyway, but another function starts there: it calls itself, r6 is kept for the
  // call.
  CHECK(run_asm("ja +0\nmov %r6, 5\njne %r1, 77, +2\nmov %r0, 2\nexit\nmov %r1, 77\ncall local -6\nadd %r0, %r6\nexit")
            .value == 7);
}

TEST_CASE("a program that a function ends in finds r6 to r9 as the function did") {
  const Map programs = make_map(MapType::prog_array, 4, 4, 1);
  const BuildOptions options{.engine = engine_under_test()};
  const auto built = [&](const std::vector<Insn>& insns, std::span<const Map> maps) {
    const auto program = Program::from_insns(insns, ProgType::xdp, maps);
    REQUIRE_MESSAGE(program.has_value(), program.error().message());
    auto executable = Executable::build(*program, options);
    REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
    return *executable;
  };
  const Executable last = built(assembled("mov %r0, %r6\nadd %r0, %r9\nmov %r6, 1000\nexit"), {});
  REQUIRE(last.put_into(programs, 0));
  const Executable first =
      built(with_map("mov %r6, 5\nmov %r9, 60\ncall local f\nadd %r0, %r6\nexit\nf:\nmov %r6, 7\nmov %r7, %r1",
                     "mov %r2, %r1\nmov %r1, %r7\nmov %r3, 0\ncall 12\nmov %r0, 0\nexit"),
            std::span(&programs, 1));
  XdpPacket packet(std::array<std::byte, 64>{});
  for (const std::uint64_t budget : {RunOptions::kNoBudget, std::uint64_t{1} << 20})
    CHECK(first.run(packet, {.budget = budget}).value == 5 + 60 + 5);
}

TEST_CASE("eight frames are allowed and nine are not") {
  const auto nested = [](int depth) {
    std::string text = "call local f1\nexit\n";
    for (int i = 1; i < depth; ++i)
      text += "f" + std::to_string(i) + ":\n" +
              (i + 1 < depth ? "call local f" + std::to_string(i + 1) + "\n" : "mov %r0, 9\n") + "exit\n";
    return run_asm(text);
  };
  CHECK(nested(8).value == 9);
  CHECK(nested(9).fault_kind() == FaultKind::call_depth);
  CHECK(run_asm("call local f\nexit\nf:\ncall local f\nexit").fault_kind() == FaultKind::call_depth);
}

TEST_CASE("a pointer into a frame that has returned is no longer good") {
  const auto result = run_asm(
      "call local f\nldxdw %r0, [%r0]\nexit\n"
      "f:\nmov %r0, %r10\nsub %r0, 8\nldxdw %r1, [%r0]\nexit");
  CHECK(result.fault_kind() == FaultKind::bad_load);
  CHECK(result.fault->pc == 1);
}

TEST_CASE("a map value may be touched to its last byte and not beyond, though its neighbour lies there") {
  const Map map = make_map(MapType::array, 4, 12, 4);
  const auto access = [&](const std::string& tail) {
    return run_insns(with_map("stw [%r10-4], 1\nmov %r2, %r10\nadd %r2, -4", "call 1\njne %r0, 0, +1\nexit\n" + tail),
                     {map});
  };
  CHECK(access("mov %r1, 77\nstxw [%r0+8], %r1\nldxw %r0, [%r0+8]\nexit").value == 77);
  CHECK(access("ldxb %r0, [%r0+12]\nexit").fault_kind() == FaultKind::bad_load);
  CHECK(access("ldxdw %r0, [%r0+8]\nexit").fault_kind() == FaultKind::bad_load);
  CHECK(access("ldxb %r0, [%r0-1]\nexit").fault_kind() == FaultKind::bad_load);
  const auto past = access("ldxw %r0, [%r0+16]\nexit");
  CHECK(past.ok());  // the next element: another value of the same map, and skep's to give
  const auto value = map.lookup<std::array<std::uint32_t, 3>>(1u);
  REQUIRE(value);
  CHECK((*value)[2] == 77);
}

TEST_CASE("maps that programs may only read or only write stay so") {
  constexpr std::string_view kKey = "stw [%r10-4], 0\nmov %r2, %r10\nadd %r2, -4";
  const Map constant = make_map(MapType::array, 4, 8, 1, map_flag::rdonly_prog);
  CHECK(run_insns(with_map(kKey, "call 1\nldxdw %r1, [%r0]\nmov %r0, 3\nexit"), {constant}).value == 3);
  CHECK(run_insns(with_map(kKey, "call 1\nstdw [%r0], 1\nexit"), {constant}).fault_kind() == FaultKind::bad_store);
  const Map sink = make_map(MapType::array, 4, 8, 1, map_flag::wronly_prog);
  CHECK(run_insns(with_map(kKey, "call 1\nldxdw %r0, [%r0]\nexit"), {sink}).fault_kind() == FaultKind::bad_load);
}

TEST_CASE("helper arguments are checked against the prototype before the helper runs") {
  const Map map = make_map(MapType::hash, 8, 8, 4);
  const auto short_key = run_insns(with_map("mov %r2, %r10\nadd %r2, -4", "call 1\nexit"), {map});
  CHECK(short_key.fault_kind() == FaultKind::bad_argument);
  CHECK(short_key.fault->argument == 2);
  CHECK(short_key.fault->helper == 1);
  CHECK(run_insns(with_map("mov %r2, 0", "call 1\nexit"), {map}).fault->argument == 2);
  const auto no_map = run_asm("mov %r1, 1234\nmov %r2, %r10\nadd %r2, -8\ncall 1\nexit");
  CHECK(no_map.fault_kind() == FaultKind::bad_argument);
  CHECK(no_map.fault->argument == 1);
}

TEST_CASE("a helper that is unknown, not done or not allowed is refused by number, name and program type") {
  CHECK(refusal("call 9999\nexit") == "insn 0: helper 9999 is unknown");
  AsmOptions xdp;
  xdp.type = ProgType::xdp;
  CHECK(refusal("mov %r1, 0\ncall 14\nexit", AsmOptions{.type = ProgType::xdp})
            .find("helper 14 (get_current_pid_tgid)") == std::string::npos);
  CHECK(refusal("call 44\nexit", AsmOptions{.type = ProgType::kprobe}) ==
        "insn 0: helper 44 (xdp_adjust_head) may not be called from kprobe programs");
  CHECK(refusal("call 28\nexit", AsmOptions{.type = ProgType::unspec}).find("helper 28 (csum_diff)") ==
        std::string::npos);
}

TEST_CASE("an application's helper gets its arguments checked, and a throw ends the run, not the host") {
  AsmOptions options;
  options.build.helpers.push_back({0x10000,
                                   "sum",
                                   {HelperArg::memory, HelperArg::size, HelperArg::scalar},
                                   [](HelperCall& call, const std::array<std::uint64_t, 5>& args) -> std::uint64_t {
                                     if (args[2] == 13) throw std::runtime_error("unlucky");
                                     const std::byte* bytes = call.readable(args[0], args[1]);
                                     std::uint64_t sum = args[2];
                                     for (std::uint64_t i = 0; i < args[1]; ++i)
                                       sum += std::to_integer<std::uint64_t>(bytes[i]);
                                     return sum;
                                   }});
  constexpr std::string_view kArgs = "stdw [%r10-8], 0x0101\nmov %r1, %r10\nadd %r1, -8\n";
  CHECK(run_asm(std::string(kArgs) + "mov %r2, 8\nmov %r3, 5\ncall 0x10000\nexit", options).value == 7);
  CHECK(run_asm(std::string(kArgs) + "mov %r2, 9\nmov %r3, 5\ncall 0x10000\nexit", options).fault_kind() ==
        FaultKind::bad_argument);
  CHECK(run_asm(std::string(kArgs) + "mov %r2, 0\nmov %r3, 13\ncall 0x10000\nexit", options).fault_kind() ==
        FaultKind::host_exception);
}

TEST_CASE("an application's prototype that contradicts itself is refused") {
  AsmOptions options;
  options.build.helpers.push_back(
      {0x10000, "odd", {HelperArg::memory, HelperArg::scalar}, [](auto&, auto&) { return 0; }});
  CHECK(refusal("exit", options).find("application helper 65536 (odd)") == 0);
}

TEST_CASE("atomics need their alignment") {
  CHECK(run_asm("mov %r1, 1\nlock add [%r10-8], %r1\nldxdw %r0, [%r10-8]\nexit").value == 1);
  CHECK(run_asm("mov %r1, 1\nlock add [%r10-12], %r1\nexit").fault_kind() == FaultKind::misaligned_atomic);
  CHECK(run_asm("mov %r2, %r10\nadd %r2, -13\nmov %r1, 1\nlock add32 [%r2], %r1\nexit").fault_kind() ==
        FaultKind::misaligned_atomic);
  CHECK(run_asm("mov %r2, 8\nlock add [%r2], %r2\nexit").fault_kind() == FaultKind::bad_store);
}

TEST_CASE("callbacks run in frames of their own and may end the run") {
  AsmOptions options;
  // bpf_loop(8, f, fp - 8, 0)
  constexpr std::string_view kLoop =
      "stdw [%r10-8], 0\nmov %r1, 8\nr2 = 0 ll\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 0\ncall 181\nldxdw %r0, "
      "[%r10-8]\nexit\n";
  auto insns = assembled(std::string(kLoop) + "ldxdw %r3, [%r2]\nadd %r3, %r1\nstxdw [%r2], %r3\nmov %r0, 0\nexit");
  insns[2].src = 4;       // r2 = function
  insns[2].imm = 10 - 3;  // the function starts at slot 10
  CHECK(run_insns(insns, {}).value == 0 + 1 + 2 + 3 + 4 + 5 + 6 + 7);
  insns = assembled(std::string(kLoop) + "ldxdw %r3, [%r2+8]\nmov %r0, 0\nexit");
  insns[2].src = 4;
  insns[2].imm = 10 - 3;
  CHECK(run_insns(insns, {}).fault_kind() == FaultKind::bad_load);  // past the caller's stack
}

TEST_CASE("a fault in words names instruction, access, region and bytes") {
  std::array<std::byte, 14> bytes{};
  RawContext context{std::span(bytes)};
  const auto program = built("mov %r0, 0\nldxw %r2, [%r1+12]\nexit");
  const auto result = program.run(context);
  const std::string text = program.explain(result.fault);
  CHECK(text.find("insn 1: load of 4 bytes at 0x") == 0);
  CHECK(text.find("at byte 12 of context, which has bytes 0 to 13 [bad_load]") != std::string::npos);
}

TEST_CASE("legacy packet loads read network order and end the program with 0 past the end") {
  std::array<std::byte, 4> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  RawContext context{std::span(bytes)};
  CHECK(run_asm("mov %r6, %r1\nldabsw 0\nexit", context).value == 0x01020304);
  CHECK(run_asm("mov %r6, %r1\nmov %r2, 1\nldindh %r2, 1\nexit", context).value == 0x0304);
  const auto past = run_asm("mov %r6, %r1\nldabsw 1\nmov %r0, 9\nexit", context);
  CHECK(past.ok());
  CHECK(past.value == 0);
}

TEST_CASE("a legacy packet load past the end, in a function, returns 0 to the caller") {
  constexpr const char* kText =
      "mov %r6, %r1\n"
      "mov %r2, 2\n"
      "call local +7\n"  // 2 bytes at 2: there
      "mov %r7, %r0\n"
      "mov %r1, %r6\n"
      "mov %r2, 3\n"
      "call local +3\n"  // at 3: the last one is not
      "lsh %r7, 8\n"
      "add %r0, %r7\n"
      "exit\n"
      "mov %r6, %r1\n"
      "ldindh %r2, 0\n"
      "add %r0, 7\n"
      "exit";
  std::array<std::byte, 4> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  RawContext context{std::span(bytes)};
  for (const Mode mode : {Mode::guarded, Mode::unguarded}) {
    AsmOptions options;
    options.build.mode = mode;
    CHECK(run_asm(kText, context, options).value == (0x0304 + 7) << 8);
  }
}

TEST_CASE("an unguarded XDP program sees its packet through the context's fields") {
  AsmOptions options;
  options.type = ProgType::xdp;
  options.build.mode = Mode::unguarded;
  std::array<std::byte, 20> frame{};
  frame[3] = std::byte{9};
  XdpPacket packet{std::span<const std::byte>(frame)};
  CHECK(run_asm("ldxw %r2, [%r1]\nldxw %r0, [%r1+4]\nsub %r0, %r2\nexit", packet, options).value == 20);
  CHECK(run_asm("mov %r6, %r1\nldxw %r2, [%r6]\nldxw %r0, [%r2]\nexit", packet, options).value == 0x09000000);
  CHECK(run_asm("ldxw %r0, [%r1+12]\nexit", packet, options).value == 1);
}

TEST_CASE("an unguarded build gives the same results as a guarded one") {
  AsmOptions options;
  options.build.mode = Mode::unguarded;
  std::array<std::byte, 16> bytes{};
  RawContext context{std::span(bytes)};
  CHECK(run_asm("stdw [%r1+8], 5\nldxdw %r0, [%r1+8]\nmov %r2, 1\nlock add [%r10-8], %r2\nexit", context, options)
            .value == 5);
}
