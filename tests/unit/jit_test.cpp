// What is the JIT's own: which engine runs, passing between engines, stopping, unwinding, and its memory.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "jit/compile.hpp"
#include "lower/lower.hpp"
#include "program/program.hpp"
#include "support/run_asm.hpp"
#include "vm/run.hpp"

using namespace skep;
using namespace skep::test;

namespace {

bool skipped() {
  if (Executable::has_jit()) return false;
  MESSAGE("SKIP: no JIT for this processor");
  return true;
}

/// The line of /proc/self/maps about an address; empty when nothing is there.
std::string mapping_at(std::uintptr_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::size_t end = 0;
    const auto from = std::stoull(line, &end, 16);
    if (from <= address && address < std::stoull(line.substr(end + 1), nullptr, 16)) return line;
  }
  return {};
}

Map program_array(std::uint32_t entries) {
  auto map = Map::create(
      {.name = "jump_table", .type = MapType::prog_array, .key_size = 4, .value_size = 4, .max_entries = entries}, 2);
  REQUIRE(map);
  return *map;
}

/// Instructions of `before`, a reference to map 0 in r2, instructions of `after`.
Executable with_map(std::string_view before, std::string_view after, const Map& map, const BuildOptions& options) {
  auto insns = assembled(before);
  insns.emplace_back(0x18, 2, 1, 0, 0);
  insns.emplace_back(0, 0, 0, 0, 0);
  for (const Insn& insn : assembled(after)) insns.push_back(insn);
  auto program = Program::from_insns(insns, ProgType::unspec, std::span(&map, 1));
  REQUIRE_MESSAGE(program, program.error().message());
  auto executable = Executable::build(*program, options);
  REQUIRE_MESSAGE(executable, executable.error().message());
  return *executable;
}

constexpr std::array<Mode, 2> kModes{Mode::guarded, Mode::unguarded};
constexpr std::array<Engine, 2> kEngines{Engine::jit, Engine::interpreter};

}  // namespace

TEST_CASE("an executable says which engine runs it") {
  CHECK(built("mov %r0, 1\nexit", {.build = {.engine = Engine::interpreter}}).engine() == Engine::interpreter);
  if (skipped()) return;
  CHECK(built("mov %r0, 1\nexit", {.build = {.engine = Engine::jit}}).engine() == Engine::jit);
  CHECK(built("mov %r0, 1\nexit", {.build = {.engine = Engine::best}}).engine() == Engine::jit);
}

TEST_CASE("code that does not count runs within a budget all the same") {
  AsmOptions options{.build = {.mode = Mode::unguarded}};
  const auto endless = built("loop:\nja loop", options);
  RawContext context;
  const auto result = endless.run(context, {.budget = 1000});
  CHECK(result.fault_kind() == FaultKind::budget);
  CHECK(result.insns == 1000);
}

TEST_CASE("another thread stops a run on any engine, in any mode") {
  for (const Engine engine : kEngines) {
    if (engine == Engine::jit && skipped()) continue;
    for (const Mode mode : kModes)
      for (const char* text : {"loop:\nja loop", "loop:\nadd %r1, 1\njne %r1, 0, loop\nja loop"}) {
        const auto endless = built(text, {.build = {.mode = mode, .engine = engine}});
        std::atomic<bool> stop = false;
        std::thread other([&] { stop = true; });
        RawContext context;
        const auto result = endless.run(context, {.stop = &stop});
        other.join();
        CHECK(result.fault_kind() == FaultKind::stopped);
      }
  }
}

TEST_CASE("a run that is stopped within a budget says how much of it was used") {
  std::atomic<bool> stop = true;
  const auto endless = built("loop:\nja loop");
  RawContext context;
  const auto result = endless.run(context, {.budget = 1 << 30, .stop = &stop});
  CHECK(result.fault_kind() == FaultKind::stopped);
  CHECK(result.insns > 0);
  CHECK(result.insns < 1 << 20);
  const auto short_one = built("mov %r0, 7\nexit");
  CHECK(short_one.run(context, {.budget = 2, .stop = &stop}).value == 7);
}

TEST_CASE("tail calls pass between engines, also out of functions, and the callers get their registers back") {
  for (const Engine first : kEngines)
    for (const Engine second : kEngines)
      for (const Mode mode : kModes) {
        if ((first == Engine::jit || second == Engine::jit) && skipped()) return;
        const Map table = program_array(2);
        // The target has a frame, registers and a function of its own.
        auto target =
            Program::from_insns(assembled("mov %r6, 77\nstdw [%r10-8], 40\ncall local f\nldxdw %r1, [%r10-8]\n"
                                          "add %r0, %r1\nexit\nf:\nmov %r7, 1\nmov %r0, 2\nexit"),
                                ProgType::unspec, std::span(&table, 1));
        REQUIRE(target);
        auto built_target = Executable::build(*target, {.mode = mode, .engine = second});
        REQUIRE(built_target);
        REQUIRE(built_target->put_into(table, 0));
        RawContext context;
        const BuildOptions options{.mode = mode, .engine = first};
        CHECK(with_map("", "mov %r3, 0\ncall 12\nmov %r0, 5\nexit", table, options).run(context).value == 42);
        CHECK(with_map("", "mov %r3, 1\ncall 12\nmov %r0, 5\nexit", table, options).run(context).value == 5);
        const auto nested = with_map(
            "mov %r6, 100\nmov %r7, 1000\nstdw [%r10-8], 3\ncall local f\nadd %r0, %r6\nadd %r0, %r7\n"
            "ldxdw %r1, [%r10-8]\nadd %r0, %r1\nexit\nf:\nmov %r6, 1\nmov %r7, 2",
            "mov %r3, 0\ncall 12\nmov %r0, 5\nexit", table, options);
        const auto result = nested.run(context);
        CHECK(result.ok());
        CHECK(result.value == 42 + 100 + 1000 + 3);
        CHECK(nested.run(context, {.budget = 1000}).value == 42 + 100 + 1000 + 3);
      }
}

TEST_CASE("a fault in a callback drops the frames of generated code, and the next run starts afresh") {
  std::vector<Insn> insns = assembled("mov %r6, 5\nmov %r1, 10");
  insns.emplace_back(0x18, 2, 4, 0, 7);  // the function at insn 2 + 1 + 7
  insns.emplace_back(0, 0, 0, 0, 0);
  for (const Insn& insn : assembled("mov %r3, 0\nmov %r4, 0\ncall 181\nadd %r0, %r6\nexit")) insns.push_back(insn);
  const std::size_t callback = insns.size();
  insns[2].imm = static_cast<std::int32_t>(callback) - 3;
  for (const Insn& insn : assembled("mov %r6, 1\nmov %r0, 0\njne %r1, 4, ok\nldxdw %r0, [%r1]\nok:\nexit"))
    insns.push_back(insn);
  auto program = Program::from_insns(insns, ProgType::xdp);
  REQUIRE(program);
  for (const Engine engine : kEngines) {
    if (engine == Engine::jit && skipped()) continue;
    auto executable = Executable::build(*program, {.engine = engine});
    REQUIRE_MESSAGE(executable, executable.error().message());
    const std::array<std::byte, 64> frame{};
    XdpPacket packet{std::span<const std::byte>(frame)};
    for (int i = 0; i < 3; ++i) {
      const auto result = executable->run(packet);
      CHECK(result.fault_kind() == FaultKind::bad_load);
      CHECK(result.fault->pc == callback + 3);
      CHECK(result.fault->address == 4);
    }
  }
}

TEST_CASE("an application's helper may throw through generated code") {
  BuildOptions options;
  options.helpers.push_back({0x10000, "throws", {}, [](HelperCall&, const auto&) -> std::uint64_t { throw 1; }});
  for (const Mode mode : kModes) {
    options.mode = mode;
    const auto result = run_asm("call local f\nexit\nf:\nmov %r6, 1\ncall 65536\nexit", {.build = options});
    CHECK(result.fault_kind() == FaultKind::host_exception);
    CHECK(result.fault->pc == 3);
  }
}

TEST_CASE("a guarded run that is to stop calls no helper any more") {
  for (const Engine engine : kEngines) {
    if (engine == Engine::jit && skipped()) continue;
    std::atomic<bool> stop = true;
    unsigned calls = 0;
    BuildOptions options{.engine = engine};
    options.helpers.push_back(
        {0x10000, "counts", {}, [&](HelperCall&, const auto&) -> std::uint64_t { return ++calls; }});
    const auto result = run_asm("loop:\ncall 65536\nja loop", {.build = options, .run = {.stop = &stop}});
    CHECK(result.fault_kind() == FaultKind::stopped);
    CHECK(result.fault->pc == 0);
    CHECK(calls == 0);
  }
}

TEST_CASE("a proven program has a frame where only a function that it calls looks at it") {
  const auto program = Program::from_insns(
      assembled("mov %r1, 7\ncall local f\nexit\nf:\nstxdw [%r10-8], %r1\nldxdw %r0, [%r10-8]\nexit"), ProgType::xdp);
  REQUIRE(program);
  const Verdict verdict = verify(*program);
  REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
  const auto executable = Executable::build(*verdict.verified());
  REQUIRE(executable);
  const std::vector<std::byte> frame(64);
  XdpPacket packet(frame);
  CHECK(executable->run(packet).value == 7);
}

TEST_CASE(
    "code begins at places that nobody can tell, also where it nearly fills its pages, unless that is asked for") {
  if (skipped()) return;
  for (const int insns : {1, 450, 500, 550}) {  // up to a page and a little more
    std::string text;
    for (int i = 0; i < insns; ++i) text += "mul %r0, 1000003\n";
    const auto places = [&text](std::optional<bool> blind) {
      std::set<std::uintptr_t> all;
      for (int build = 0; build < 200; ++build) {
        const auto program =
            built(text + "exit",
                  {.build = {.mode = Mode::unguarded, .engine = Engine::jit, .sealed = false, .blind = blind}});
        all.insert(reinterpret_cast<std::uintptr_t>(program.machine_code()->bytes.data()) % 4096);
      }
      return all.size();
    };
    CHECK(places(std::nullopt) > 16);  // of 32 that 200 hit at random, 16 are missed less than once in 10^40
    CHECK(places(false) == 1);
  }
}

TEST_CASE("no memory is writable and executable") {
  if (skipped()) return;
  const auto program = built("mov %r0, 1\nexit", {.build = {.engine = Engine::jit}});
  std::ifstream maps("/proc/self/maps");
  REQUIRE(maps.good());
  std::string line;
  while (std::getline(maps, line)) CHECK_MESSAGE(line.find(" rwx") == std::string::npos, line);
  RawContext context;
  CHECK(program.run(context).value == 1);
}

TEST_CASE("sealed code cannot be written, by whatever way, and goes with its executable") {
  if (skipped()) return;
  std::uintptr_t page = 0;
  {
    const auto program = built("mov %r0, 1\nexit", {.build = {.engine = Engine::jit}});
    auto* code = const_cast<std::byte*>(program.machine_code()->bytes.data());
    page = reinterpret_cast<std::uintptr_t>(code) & ~std::uintptr_t{4095};
    auto* pages = reinterpret_cast<void*>(page);
    if (mapping_at(page).find("skep-code") == std::string::npos) {
      MESSAGE("SKIP: no sealed memory here");
      return;
    }
    CHECK(mapping_at(page).find(" r-xs ") != std::string::npos);
    CHECK(mprotect(pages, 4096, PROT_READ | PROT_WRITE) != 0);
    CHECK(mprotect(pages, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0);
    const std::byte before = *code;
    static_cast<void>(madvise(pages, 4096, MADV_REMOVE));  // emulators take it, and do nothing
    CHECK(*code == before);
    const int memory = open("/proc/self/mem", O_RDWR);
    REQUIRE(memory >= 0);
    const std::byte other = ~before;
    CHECK(pwrite(memory, &other, 1, static_cast<off_t>(reinterpret_cast<std::uintptr_t>(code))) != 1);
    close(memory);
    CHECK(*code == before);
    // Through the file: by the name that /proc has for the mapping.
    std::string range = mapping_at(page);
    const int file = open(("/proc/self/map_files/" + range.substr(0, range.find(' '))).c_str(), O_RDWR);
    if (file >= 0) {
      CHECK(pwrite(file, &other, 1, 0) != 1);
      CHECK(ftruncate(file, 0) != 0);
      CHECK(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED);
      close(file);
    }
    CHECK(*code == before);
    RawContext context;
    CHECK(program.run(context).value == 1);
  }
  CHECK(mapping_at(page).find("skep-code") == std::string::npos);
}

TEST_CASE("code is built, and runs, where the system refuses to make executable what was writable") {
  if (skipped()) return;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr int kSetMdwe = 65, kRefuseExecGain = 1;  // Linux 6.3
    if (prctl(kSetMdwe, kRefuseExecGain, 0, 0, 0) != 0) _exit(2);
    const auto program = Program::from_insns(assembled("mov %r0, 1\nexit"));
    const auto executable = Executable::build(*program, {.engine = Engine::jit});
    RawContext context;
    const bool plain_fails = !Executable::build(*program, {.engine = Engine::jit, .sealed = false});
    _exit(executable && executable->run(context).value == 1 && plain_fails ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) {
    MESSAGE("SKIP: no PR_SET_MDWE here");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a helper that lies beyond the reach of a relative call is called") {
  if (skipped()) return;
  auto program = Program::from_insns(assembled("call 7\nadd %r0, 1\nexit"));
  REQUIRE(program);
  auto image = lower::lower({.program = program->data(), .host = make_process_host(), .guarded = false});
  REQUIRE_MESSAGE(image, image.error().message());
  // The same code near the bottom of the address space, far from any library.
  constexpr std::uint64_t kFar = std::uint64_t{1} << 32;
  void* page = mmap(reinterpret_cast<void*>(kFar), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
#if defined(__x86_64__)
  constexpr unsigned char kCode[] = {0xb8, 41, 0, 0, 0, 0xc3};  // mov eax, 41; ret
#else
  constexpr std::uint32_t kCode[] = {0xd2800520, 0xd65f03c0};  // mov x0, 41; ret
#endif
  std::memcpy(page, kCode, sizeof kCode);
  REQUIRE(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
  __builtin___clear_cache(static_cast<char*>(page), static_cast<char*>(page) + sizeof kCode);
  (*image)->bindings.front().code = reinterpret_cast<helpers::Builtin>(page);
  auto code = jit::compile(**image, {});
  REQUIRE_MESSAGE(code, code.error().message());
  (*image)->native = *code;
  RawContext context;
  CHECK(vm::run(**image, context, {}).value == 42);
  munmap(page, 4096);
}
