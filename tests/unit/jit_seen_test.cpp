// What tools are told of machine code: the files and objects are read back, and given to perf, GDB and llvm-dwarfdump.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include <skep/code_watcher.hpp>

#include "base/bytes.hpp"
#include "elf/elf.hpp"
#include "jit/debug_object.hpp"
#include "support/run_asm.hpp"
#include "support/tools.hpp"

using namespace skep;
using namespace skep::test;

namespace {

constexpr const char* kTwoFunctions = "call local f\nexit\nf:\nmov %r0, 7\nexit";

bool skipped() {
  if (Executable::has_jit()) return false;
  MESSAGE("SKIP: no JIT for this processor");
  return true;
}

Executable shown_to(std::shared_ptr<CodeWatcher> watcher, const char* text = kTwoFunctions) {
  return built(text, {.build = {.engine = Engine::jit, .seen_by = {std::move(watcher)}}});
}

/// A program with line information; nothing, visibly, where clang did not build it.
std::optional<Program> program_with_lines() {
#ifdef SKEP_CLI_OBJECTS
  const std::string path = SKEP_CLI_OBJECTS "/verdicts.bpf.o";
  if (const auto object = Object::load_file(path)) return *object->program("verdicts");
#endif
  MESSAGE("SKIP: no object with line information was built");
  return std::nullopt;
}

/// Says why a test ends here.
void skip(const char* reason) { MESSAGE("SKIP: ", reason); }

/// Keeps what it is told.
class Notes final : public CodeWatcher {
 public:
  Result<std::shared_ptr<const void>> appeared(const CodeNews& news) override {
    if (refuses) return fail(ErrorCode::io, "notes", "no");
    program = news.program;
    bytes = news.bytes;
    for (const auto& function : news.functions)
      functions.push_back({std::string(function.name), function.from_bytes, function.bytes});
    for (const auto& line : news.lines) lines.push_back({line.from_bytes, line.line, std::string(line.file)});
    if (const auto made = jit::debug_object(news)) object = *made;
    const std::byte* first = news.bytes.data();
    return std::shared_ptr<const void>(nullptr, [this, first](const void*) {
      gone = true;
      first_at_end = *first;
    });
  }

  struct Function {
    std::string name;
    std::uint32_t from_bytes, bytes;
  };
  struct Line {
    std::uint32_t from_bytes, line;
    std::string file;
  };
  bool refuses = false, gone = false;
  std::string program;
  std::span<const std::byte> bytes;
  std::vector<Function> functions;
  std::vector<Line> lines;
  std::vector<std::byte> object;
  std::byte first_at_end{};
};

std::string perf_map_path() { return "/tmp/perf-" + std::to_string(getpid()) + ".map"; }

struct Removed {
  std::string path;
  ~Removed() { unlink(path.c_str()); }
};

std::string text_of(const std::string& path) {
  const auto bytes = tools::read_file(path);
  return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : "";
}

struct Range {
  std::uint64_t from, bytes;
  std::string name;
};

/// The ranges are one piece, and that is the code.
void check_covers(const std::vector<Range>& ranges, std::span<const std::byte> code) {
  auto next = reinterpret_cast<std::uint64_t>(code.data());
  for (const Range& range : ranges) {
    CHECK(range.from == next);
    CHECK(range.bytes != 0);
    CHECK(range.name.starts_with("bpf_prog_"));
    next += range.bytes;
  }
  CHECK(next == reinterpret_cast<std::uint64_t>(code.data()) + code.size());
}

struct Dump {
  struct Load {
    Range range;
    std::uint64_t index;
    std::vector<std::byte> code;
  };
  struct Line {
    std::uint64_t address;
    std::uint32_t line;
    std::string file;
  };
  std::vector<Load> loads;
  std::vector<Line> lines;
  bool closed = false;
};

/// By perf's jitdump-specification.txt; fails on anything it does not allow.
Dump parse_dump(Bytes file) {
  const ByteReader reader(file);
  Dump dump;
  REQUIRE(reader.read<std::uint32_t>(0) == 0x4a695444u);
  REQUIRE(reader.read<std::uint32_t>(4) == 1u);
  REQUIRE(reader.read<std::uint32_t>(20) == static_cast<std::uint32_t>(getpid()));
  std::uint64_t last_time = 0;
  for (std::uint64_t at = *reader.read<std::uint32_t>(8); at < file.size();) {
    const auto kind = reader.read<std::uint32_t>(at);
    const auto bytes = reader.read<std::uint32_t>(at + 4);
    const auto time = reader.read<std::uint64_t>(at + 8);
    REQUIRE((kind && bytes && time));
    REQUIRE(*bytes >= 16);
    CHECK(*time >= last_time);
    last_time = *time;
    const auto whole = reader.slice(at, *bytes);
    REQUIRE(whole);
    const ByteReader record(*whole);
    if (*kind == 0) {
      const std::string name(*record.c_string(56));
      const auto code = record.slice(57 + name.size(), *record.read<std::uint64_t>(40));
      REQUIRE(code);
      CHECK(57 + name.size() + code->size() == *bytes);
      dump.loads.push_back({{*record.read<std::uint64_t>(32), code->size(), name},
                            *record.read<std::uint64_t>(48),
                            {code->begin(), code->end()}});
    } else if (*kind == 2) {
      std::uint64_t entry = 32;
      for (auto left = *record.read<std::uint64_t>(24); left > 0; --left) {
        const std::string name(*record.c_string(entry + 16));
        dump.lines.push_back({*record.read<std::uint64_t>(entry), *record.read<std::uint32_t>(entry + 8), name});
        entry += 17 + name.size();
      }
      CHECK(entry == *bytes);
    } else {
      CHECK(*kind == 3);
      dump.closed = true;
    }
    at += *bytes;
  }
  return dump;
}

}  // namespace

TEST_CASE("a watcher is told of all code, function by function, and of its end while the code is still there") {
  if (skipped()) return;
  const auto notes = std::make_shared<Notes>();
  std::byte first{};
  {
    const auto executable = shown_to(notes);
    CHECK(notes->program == "program");
    REQUIRE(executable.machine_code() != nullptr);
    CHECK(notes->bytes.data() == executable.machine_code()->bytes.data());
    CHECK(notes->bytes.size() == executable.machine_code()->bytes.size());
    std::uint32_t next = 0;
    for (const auto& function : notes->functions) {
      CHECK(function.from_bytes == next);
      next += function.bytes;
    }
    CHECK(next == notes->bytes.size());
    CHECK(!notes->gone);
    first = notes->bytes[0];
  }
  CHECK(notes->gone);
  CHECK(notes->first_at_end == first);
}

TEST_CASE("what a watcher refuses is not built, not for the interpreter either") {
  if (skipped()) return;
  const auto notes = std::make_shared<Notes>();
  notes->refuses = true;
  const auto program = Program::from_insns(assembled(kTwoFunctions));
  REQUIRE(program);
  for (const Engine engine : {Engine::jit, Engine::best}) {
    const auto executable = Executable::build(*program, {.engine = engine, .seen_by = {notes}});
    REQUIRE(!executable);
    CHECK(executable.error().code == ErrorCode::io);
  }
  CHECK(Executable::build(*program, {.engine = Engine::interpreter, .seen_by = {notes}}));
}

TEST_CASE("lines are those of the instructions that the code came from") {
  const auto program = program_with_lines();
  if (!program || skipped()) return;
  const auto notes = std::make_shared<Notes>();
  const auto executable = Executable::build(*program, {.engine = Engine::jit, .seen_by = {notes}});
  REQUIRE(executable);
  REQUIRE(!notes->lines.empty());
  std::size_t line = 0, checked = 0;
  for (const MachineCode::Part& part : executable->machine_code()->parts) {
    while (line + 1 < notes->lines.size() && notes->lines[line + 1].from_bytes <= part.from_bytes) ++line;
    if (part.role != MachineCode::Role::insn) continue;
    const std::string source = program->source_at(part.pc);
    const std::string start = notes->lines[line].file + ":" + std::to_string(notes->lines[line].line) + ":";
    CHECK_MESSAGE(source.starts_with(start), source, " is not at ", start);
    ++checked;
  }
  CHECK(checked > 50);
}

TEST_CASE("the perf map names every byte of the code once, and later builds add to it") {
  if (skipped()) return;
  const Removed removed{perf_map_path()};
  const auto map = make_perf_map();
  REQUIRE_MESSAGE(map, map.error().message());
  std::size_t known = 0;
  for (const auto& watcher : {*map, *make_perf_map()}) {
    const auto executable = shown_to(watcher);
    std::istringstream lines(text_of(perf_map_path()));
    std::vector<Range> ranges;
    for (std::string from, bytes, name; lines >> from >> bytes >> name;)
      ranges.push_back({std::stoull(from, nullptr, 16), std::stoull(bytes, nullptr, 16), name});
    REQUIRE(ranges.size() > known);
    check_covers({ranges.begin() + static_cast<std::ptrdiff_t>(known), ranges.end()}, executable.machine_code()->bytes);
    known = ranges.size();
  }
}

TEST_CASE("a perf map that an earlier process left begins anew, and a link or somebody's file is not written") {
  const Removed removed{perf_map_path()};
  const std::string path = perf_map_path();
  std::ofstream(path) << "1000 10 of_the_past\n";
  const timespec long_ago[2]{{1000, 0}, {1000, 0}};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0);
  REQUIRE(make_perf_map());
  CHECK(text_of(path).empty());

  const tools::Scratch scratch;
  const std::string victim = scratch.write("victim", "mine");
  unlink(path.c_str());
  REQUIRE(symlink(victim.c_str(), path.c_str()) == 0);
  CHECK(!make_perf_map());
  unlink(path.c_str());
  REQUIRE(link(victim.c_str(), path.c_str()) == 0);
  CHECK(!make_perf_map());
  CHECK(text_of(victim) == "mine");
  unlink(path.c_str());
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK(!make_perf_map());
}

TEST_CASE("a jitdump holds the code as it runs, each function after its lines") {
  if (skipped()) return;
  const tools::Scratch scratch;
  const std::string folder = std::filesystem::path(scratch.write("x", "")).parent_path();
  const std::string path = folder + "/jit-" + std::to_string(getpid()) + ".dump";
  const auto notes = std::make_shared<Notes>();
  {
    auto dump = make_jitdump(folder);
    REQUIRE_MESSAGE(dump, dump.error().message());
    CHECK(!make_jitdump(folder));  // there is one already
    const auto program = program_with_lines();
    std::vector<Executable> executables;
    if (program)
      executables.push_back(*Executable::build(*program, {.engine = Engine::jit, .seen_by = {*dump, notes}}));
    executables.push_back(shown_to(*dump));
    const Dump seen = parse_dump(*tools::read_file(path));
    CHECK(!seen.closed);
    std::vector<std::byte> code, dumped;
    for (const Executable& executable : executables)
      code.insert(code.end(), executable.machine_code()->bytes.begin(), executable.machine_code()->bytes.end());
    for (std::size_t i = 0; i < seen.loads.size(); ++i) {
      CHECK(seen.loads[i].index == i);
      dumped.insert(dumped.end(), seen.loads[i].code.begin(), seen.loads[i].code.end());
    }
    CHECK(dumped == code);
    // Those of a function that goes on in a line are said again: at least as many as the watcher was told.
    std::size_t told = 0;
    for (const auto& line : notes->lines) {
      if (line.line == 0) continue;
      ++told;
      const auto at = reinterpret_cast<std::uint64_t>(notes->bytes.data()) + line.from_bytes;
      CHECK(std::any_of(seen.lines.begin(), seen.lines.end(), [&](const Dump::Line& dumped_line) {
        return dumped_line.address == at && dumped_line.line == line.line && dumped_line.file == line.file;
      }));
    }
    CHECK(seen.lines.size() >= told);
  }
  CHECK(parse_dump(*tools::read_file(path)).closed);
}

TEST_CASE("debuggers get an object that llvm finds nothing wrong with, with every symbol and line") {
  const auto program = program_with_lines();
  if (!program || skipped()) return;
  const auto notes = std::make_shared<Notes>();
  REQUIRE(Executable::build(*program, {.engine = Engine::jit, .seen_by = {notes}}));
  const auto file = elf::File::parse(notes->object);
  REQUIRE_MESSAGE(file, file.error().message());
  for (const auto& function : notes->functions)
    CHECK(std::any_of(file->symbols.begin(), file->symbols.end(), [&](const elf::Symbol& symbol) {
      return symbol.name == function.name && symbol.value == function.from_bytes && symbol.size == function.bytes;
    }));
  if (!tools::have("llvm-dwarfdump-19")) return skip("no llvm-dwarfdump-19");
  const tools::Scratch scratch;
  const std::string path =
      scratch.write("object", {reinterpret_cast<const char*>(notes->object.data()), notes->object.size()});
  const auto verdict = tools::output_of("llvm-dwarfdump-19 --verify " + path);
  REQUIRE(verdict);
  CHECK_MESSAGE(verdict->find("No errors") != std::string::npos, *verdict);
  const auto table = tools::output_of("llvm-dwarfdump-19 --debug-line " + path);
  REQUIRE(table);
  // "0x00005f1c…      72      0      1 …": rows of address and line.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> rows;
  std::istringstream text(*table);
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string address;
    std::uint32_t number = 0;
    if (line.starts_with("0x") && words >> address >> number && line.find("end_sequence") == std::string::npos)
      rows.emplace_back(std::stoull(address, nullptr, 16), number);
  }
  REQUIRE(rows.size() == notes->lines.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].first == reinterpret_cast<std::uint64_t>(notes->bytes.data()) + notes->lines[i].from_bytes);
    CHECK(rows[i].second == notes->lines[i].line);
  }
}

extern "C" {
struct jit_code_entry;
struct jit_descriptor {
  std::uint32_t version, action;
  jit_code_entry* entry;
  jit_code_entry* first;
};
extern jit_descriptor __jit_debug_descriptor;
}

TEST_CASE("GDB's list holds a program as long as its code lives") {
  if (skipped()) return;
  CHECK(__jit_debug_descriptor.version == 1);
  CHECK(__jit_debug_descriptor.first == nullptr);
  {
    const auto watcher = make_gdb_watcher();
    const auto one = shown_to(watcher);
    const auto* entry_of_one = __jit_debug_descriptor.first;
    CHECK(entry_of_one != nullptr);
    std::optional<Executable> two = shown_to(make_gdb_watcher());
    CHECK(__jit_debug_descriptor.first != entry_of_one);
    two.reset();
    CHECK(__jit_debug_descriptor.first == entry_of_one);
    CHECK(__jit_debug_descriptor.action == 2);
  }
  CHECK(__jit_debug_descriptor.first == nullptr);
}

#ifdef SKEP_COMMAND

TEST_CASE("GDB stops in a program by its name, and shows it in a backtrace with its line") {
  const auto program = program_with_lines();
  if (!program || skipped()) return;
  const auto able = tools::output_of("gdb -nx -batch -ex run --args true 2>&1");
  if (!able || able->find("exited normally") == std::string::npos) return skip("no gdb that may run programs");
  const auto shown = tools::output_of(
      "gdb -nx -batch -ex 'set breakpoint pending on' -ex 'break bpf_prog_count' -ex run -ex backtrace "
      "--args " SKEP_COMMAND " run --gdb --engine jit " SKEP_CLI_OBJECTS "/verdicts.bpf.o 2>&1");
  REQUIRE(shown);
  const auto stopped = shown->find("#0  bpf_prog_count () at ");
  REQUIRE_MESSAGE(stopped != std::string::npos, *shown);
  CHECK(shown->find("verdicts.bpf.c:", stopped) != std::string::npos);
  CHECK_MESSAGE(shown->find(" in bpf_prog_verdicts () at ", stopped) != std::string::npos, *shown);
}

TEST_CASE("perf inject makes files of a jitdump, with the functions as symbols") {
  const auto program = program_with_lines();
  if (!program || skipped()) return;
  const tools::Scratch scratch;
  const std::string folder = std::filesystem::path(scratch.write("x", "")).parent_path();
  const std::string record = "cd " + folder + " && perf record -q -k mono -e cpu-clock -o data ";
  if (!tools::output_of(record + "true")) return skip("no perf that may record");
  REQUIRE(tools::output_of(record + SKEP_COMMAND " run --jitdump . --engine jit " SKEP_CLI_OBJECTS "/verdicts.bpf.o"));
  REQUIRE(tools::output_of("cd " + folder + " && perf inject --jit -i data -o injected"));
  std::string names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".so") continue;
    const auto bytes = tools::read_file(entry.path());
    const auto file = elf::File::parse(*bytes);
    REQUIRE(file);
    for (const elf::Symbol& symbol : file->symbols) names.append(symbol.name).append("\n");
  }
  for (const char* name : {"bpf_prog_verdicts\n", "bpf_prog_count\n", "bpf_prog_verdicts_enter\n"})
    CHECK_MESSAGE(names.find(name) != std::string::npos, names);
}

#endif
