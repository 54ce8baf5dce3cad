// CO-RE against libbpf: the same objects and the same target types, instruction by instruction.
//
// libbpf relocates while it loads. It is stopped right behind that: the first program is left without a type, which it
// notices when it comes to loading programs. So nothing but maps reaches the kernel, and nothing stays.
#include <doctest/doctest.h>

#ifdef SKEP_HAVE_LIBBPF
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#endif

#include <chrono>
#include <cstdarg>
#include <cstring>
#include <map>
#include <memory>

#include "btf/btf.hpp"
#include "loader/target_btf.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

#ifdef SKEP_HAVE_LIBBPF

using Clock = std::chrono::steady_clock;
using Types = std::shared_ptr<const btf::Btf>;
constexpr const char* kHostTypes = "/sys/kernel/btf/vmlinux";

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

std::string last_words;  // libbpf's warnings; its printer takes no argument of ours

int remember(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[512];
  std::vsnprintf(line, sizeof line, format, args);
  last_words += line;
  return 0;
}

/// An object as libbpf relocates it.
class Theirs {
 public:
  /// `types` is a file of target types, null for the host's.
  Theirs(const objects::Image& image, const char* types) {
    last_words.clear();
    libbpf_set_print(remember);
    bpf_object_open_opts options{};
    options.sz = sizeof options;
    options.object_name = "referee";
    options.btf_custom_path = types;
    object_.reset(bpf_object__open_mem(image.data(), image.size(), &options));
    if (object_ == nullptr) return;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_.get()) {
      bpf_program__set_autoload(program, true);
      bpf_program__set_type(program, BPF_PROG_TYPE_UNSPEC);
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_.get()) {
      bpf_map__set_pin_path(map, nullptr);
      if (bpf_map__max_entries(map) == 0) bpf_map__set_max_entries(map, 8);  // as the tools do before loading
      if (bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE) bpf_map__set_value_size(map, 8);
    }
    bpf_object__load(object_.get());
    relocated_ = last_words.find("missing BPF prog type") != std::string::npos;
  }

  [[nodiscard]] bool opened() const { return object_ != nullptr; }
  [[nodiscard]] bool relocated() const { return relocated_; }
  [[nodiscard]] bpf_object* get() const { return object_.get(); }

 private:
  std::unique_ptr<bpf_object, Close> object_;
  bool relocated_ = false;
};

struct Tally {
  std::size_t equal = 0, different = 0, refused = 0, poisoned = 0;
};

/// True when instructions are the same but for what is not CO-RE's: libbpf names maps by descriptor, which must lead to
/// one index each, and knows externs, which are needs here.
bool same_insns(const program::Program& ours, const bpf_insn* insns, std::size_t count, std::map<int, int>& index_of) {
  if (count != ours.insns.size()) return false;
  std::vector<Insn> theirs(count);
  std::memcpy(static_cast<void*>(theirs.data()), insns, count * sizeof(Insn));
  for (const program::Need& need : ours.needs) {
    theirs[need.pc] = ours.insns[need.pc];
    if (theirs[need.pc].opcode == 0x18) theirs[need.pc + 1] = ours.insns[need.pc + 1];
  }
  for (std::size_t pc = 0; pc < count; ++pc) {
    if (theirs[pc].opcode != 0x18) continue;
    if (theirs[pc].src == 1 || theirs[pc].src == 2)
      theirs[pc].imm = index_of.try_emplace(theirs[pc].imm, ours.insns[pc].imm).first->second;
    ++pc;
  }
  for (std::size_t pc = 0; pc < count; ++pc)
    if (theirs[pc] != ours.insns[pc]) {
      MESSAGE(ours.name, " insn ", pc, ": ", int{ours.insns[pc].opcode}, " off ", ours.insns[pc].off, " imm ",
              ours.insns[pc].imm, ", libbpf: ", int{theirs[pc].opcode}, " off ", theirs[pc].off, " imm ",
              theirs[pc].imm);
      return false;
    }
  return true;
}

void compare(const loader::ObjectSpec& ours, const Theirs& theirs, Tally& tally) {
  std::map<int, int> index_of;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, theirs.get()) {
    const program::Program* mine = objects::program(ours, bpf_program__name(program));
    REQUIRE(mine != nullptr);
    tally.poisoned += mine->poisons.size();
    bool refused = false;
    for (const program::Need& need : mine->needs)
      if (need.kind == program::Need::Kind::core_relocation) {
        if (!refused) MESSAGE(ours.name, ": ", mine->name, " needs ", need.name);
        refused = true;
      }
    if (refused)
      ++tally.refused;
    else if (same_insns(*mine, bpf_program__insns(program), bpf_program__insn_cnt(program), index_of))
      ++tally.equal;
    else {
      ++tally.different;
      MESSAGE(ours.name, ": ", mine->name, " differs");
    }
  }
}

Types parse_types(const std::string& path) {
  const auto bytes = tools::read_file(path);
  if (!bytes) return nullptr;
  auto types = loader::parse_target_btf(*bytes, path);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

Result<loader::ObjectSpec> open_ours(const objects::Image& image, const std::string& name, const Types& types) {
  return loader::parse_object(image, name, [&types]() -> Result<Types> { return types; });
}

std::string_view bytes_of(const objects::Image& image) {
  return {reinterpret_cast<const char*>(image.data()), image.size()};
}

TEST_CASE("every question, asked of types that have changed, gets libbpf's answer") {
  const auto target = objects::compile("core_target.bpf.c");
  if (!target) return;
  const tools::Scratch scratch;
  const std::string path = scratch.write("target.o", bytes_of(*target));
  const Types types = parse_types(path);
  for (const char* flags : {"", "-mcpu=v4", "-mcpu=v1"}) {
    CAPTURE(flags);
    const auto image = objects::compile("core_questions.bpf.c", flags);
    if (!image) return;
    const auto ours = open_ours(*image, "core_questions", types);
    REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
    const Theirs theirs(*image, path.c_str());
    REQUIRE_MESSAGE(theirs.relocated(), last_words);
    Tally tally;
    compare(*ours, theirs, tally);
    MESSAGE("relocations of our own: ", tally.equal, " programs equal, ", tally.poisoned, " instructions poisoned");
    CHECK(tally.equal == ours->programs.size());
    CHECK(tally.equal == 21);
    CHECK(tally.poisoned > 0);
  }
}

TEST_CASE("what libbpf refuses is a need here, and says why") {
  const auto target = objects::compile("core_target.bpf.c");
  if (!target) return;
  const tools::Scratch scratch;
  const std::string path = scratch.write("target.o", bytes_of(*target));
  const Types types = parse_types(path);
  struct Case {
    std::string_view types, code, reason;
  };
  const Case cases[] = {
      {"struct twice { int same; };", "return __builtin_btf_type_id(*(struct twice*)0, 1);", "ambiguous"},
      {"struct twice { int other; } PRESERVED;", "return ((struct twice*)c)->other;", "ambiguous"},
      {"struct tight { unsigned long w : 62; } PRESERVED;",
       "return __builtin_preserve_field_info(((struct tight*)c)->w, 4);", "needs more than one load"},
      {"struct resized { int sign; } PRESERVED;", "return ((struct resized*)c)->sign;",
       "4 bytes here, 8 in the target"},
      {"struct far { int away; } PRESERVED;", "return ((struct far*)c)->away;", "a load or store reaches 32767"},
      {"struct resized { unsigned char narrow; } PRESERVED;", "return ((struct resized*)c)->narrow;", ""},
      {"typedef struct { int x; } thing;", "return __builtin_preserve_field_info(((thing*)c)->x, 0);", ""},
  };
  for (const Case& each : cases) {
    CAPTURE(each.code);
    const std::string source = "#define PRESERVED __attribute__((preserve_access_index))\n" + std::string(each.types) +
                               "\n__attribute__((section(\"socket\"), used)) long f(void* c) { " +
                               std::string(each.code) +
                               " }\nchar l[] __attribute__((section(\"license\"), used)) = \"GPL\";\n";
    const auto image = objects::compile_text("refused.bpf.c", source);
    if (!image) return;
    const auto ours = open_ours(*image, "refused", types);
    REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
    const Theirs theirs(*image, path.c_str());
    const auto& program = *ours->programs.at(0);
    CHECK(theirs.relocated() == program.needs.empty());
    std::string said;
    for (const auto& need : program.needs) said += need.name;
    for (const auto& poison : program.poisons) said += poison.what;
    CAPTURE(said);
    CHECK(said.find(each.reason) != std::string::npos);
  }
}

// libbpf takes the value of an unsigned enum for a signed one, and then finds another number in the instruction.
TEST_CASE("the largest values of an unsigned enum are relocated, though libbpf refuses them") {
  const auto target = objects::compile("core_target.bpf.c");
  const auto image = objects::compile_text("top.bpf.c", R"(
      enum top : unsigned { TOP = 0xfffffffe };
      __attribute__((section("socket"), used)) unsigned long f(void* c) {
        return __builtin_preserve_enum_value(*(enum top*)TOP, 1);
      }
      char l[] __attribute__((section("license"), used)) = "GPL";)");
  if (!target || !image) return;
  const tools::Scratch scratch;
  const std::string path = scratch.write("target.o", bytes_of(*target));
  CHECK_FALSE(Theirs(*image, path.c_str()).relocated());
  const auto ours = open_ours(*image, "top", parse_types(path));
  REQUIRE_MESSAGE(ours.has_value(), ours.error().message());
  const auto& program = *ours->programs.at(0);
  CHECK(program.needs.empty());
  CHECK(program.insns.at(0) == Insn(0x18, 0, 0, 0, -1));
  CHECK(program.insns.at(1) == Insn(0, 0, 0, 0, 0));
}

TEST_CASE("the programs of installed objects are relocated to the running kernel as libbpf does") {
  const Types types = parse_types(kHostTypes);
  if (types == nullptr) {
    MESSAGE("SKIP: no ", kHostTypes);
    return;
  }
  std::vector<objects::Found> found = objects::in_executables("libbpf-tools");
  for (auto& object : objects::in_executables("xdp-tools")) found.push_back(std::move(object));
  if (found.empty()) {
    MESSAGE("SKIP: libbpf-tools is not installed");
    return;
  }
  Tally tally;
  std::size_t unread = 0;
  double slowest = 0, their_time = 0;
  std::string slowest_name;
  for (const auto& [name, image] : found) {
    auto start = Clock::now();
    const auto ours = open_ours(image, name, types);
    const double time = milliseconds_since(start);
    REQUIRE_MESSAGE(ours.has_value(), name, ": ", ours.error().message());
    start = Clock::now();
    const Theirs theirs(image, nullptr);
    if (time > slowest) {
      slowest = time;
      their_time = milliseconds_since(start);
      slowest_name = name;
    }
    if (!theirs.relocated()) {
      MESSAGE("SKIP: libbpf does not relocate ", name, ": ", last_words);
      ++unread;
      continue;
    }
    compare(*ours, theirs, tally);
  }
  MESSAGE("relocations: ", tally.equal, " equal, ", tally.different, " different, ", tally.refused, " refused (",
          found.size(), " objects, ", unread, " of them not relocated by libbpf; ", tally.poisoned, " poisoned)");
  MESSAGE("slowest: ", slowest_name, " ", slowest, " ms, libbpf ", their_time, " ms with its maps");
  CHECK(tally.different == 0);
}

TEST_CASE("parsing the running kernel's types and relocating against them takes no longer than libbpf") {
  if (!tools::read_file(kHostTypes)) {
    MESSAGE("SKIP: no ", kHostTypes);
    return;
  }
  const auto image = objects::compile("core_questions.bpf.c");
  if (!image) return;
  double ours = 1e9, theirs = 1e9, parsing = 1e9;
  for (int round = 0; round < 5; ++round) {
    auto start = Clock::now();
    const Types types = parse_types(kHostTypes);
    parsing = std::min(parsing, milliseconds_since(start));
    const auto object = open_ours(*image, "core_questions", types);
    REQUIRE(object.has_value());
    ours = std::min(ours, milliseconds_since(start));
    start = Clock::now();
    const Theirs other(*image, nullptr);
    theirs = std::min(theirs, milliseconds_since(start));
  }
  MESSAGE("best of 5: skep ", ours, " ms, of which ", parsing, " ms parse the kernel's types; libbpf ", theirs, " ms");
  CHECK(ours < 4 * theirs);
}

#else
TEST_CASE("CO-RE is as libbpf does it") { MESSAGE("SKIP: libbpf-dev is not installed"); }
#endif

}  // namespace
}  // namespace skep
