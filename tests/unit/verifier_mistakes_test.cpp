// The forty most common mistakes: each is refused by its code, at its line, with the numbers that matter in the
// message, with what to do about it, and with the steps that lead there.
//
// A program is assembly, one line an instruction; its lines are its source lines. "{array} ll" names a map.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "isa/text.hpp"
#include "verifier/diagnose/explain.hpp"

namespace skep::verifier {
namespace {

struct Mistake {
  const char* name;
  ProgType type;
  const char* text;
  Code code;
  const char* line;        ///< the one to blame
  const char* message;     ///< part of it
  const char* suggestion;  ///< part of it; "" where there is no common answer
  const char* note;        ///< part of some step's note on the way; "" where no path leads there
  bool privileged = true;
  const char* license = "GPL";
};

constexpr auto kFilter = ProgType::socket_filter;
constexpr auto kXdp = ProgType::xdp;
constexpr auto kClassifier = ProgType::sched_cls;
constexpr auto kProbe = ProgType::kprobe;

// r0: a value of 64 bytes or null.
#define LOOKUP "*(u32 *)(r10 - 4) = 9\nr2 = r10\nr2 += -4\nr1 = {array} ll\ncall 1\n"
// r7: that value; r6: a number out of it.
#define VALUE LOOKUP "if r0 == 0 goto end\nr7 = r0\nr6 = *(u64 *)(r7 + 0)\n"
// r2: the packet; r3: its end.
#define PACKET "r6 = r1\nr2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\n"
#define RESERVE "r1 = {ring} ll\nr2 = 8\nr3 = 0\ncall 131\n"
#define END "end:\nr0 = 0\nexit\n"

constexpr Mistake kMistakes[] = {
    {"the packet is read without a check", kXdp, PACKET "r0 = *(u8 *)(r2 + 12)\nr0 = 2\nexit\n",
     Code::packet_out_of_bounds, "r0 = *(u8 *)(r2 + 12)", "bytes [12, 13), only [0, 0) is proven",
     "if (data + 13 > data_end) return", "r2 = packet, no byte proven readable"},
    {"the check is for fewer bytes", kXdp,
     PACKET "r4 = r2\nr4 += 14\nif r4 > r3 goto end\nr0 = *(u32 *)(r2 + 30)\n" END, Code::packet_out_of_bounds,
     "r0 = *(u32 *)(r2 + 30)", "bytes [30, 34), only [0, 14) is proven",
     "proves 14 bytes, 34 are needed: if (data + 34 >", "does not jump: r2 = packet, 14 bytes proven readable"},
    {"the check is of another pointer", kXdp,
     PACKET "r5 = *(u32 *)(r6 + 12)\nr5 &= 127\nr7 = r2\nr7 += r5\nr4 = r2\nr4 += 8\nif r4 > r3 goto end\n"
            "r0 = *(u8 *)(r7 + 7)\n" END,
     Code::packet_out_of_bounds, "r0 = *(u8 *)(r7 + 7)", "only [0, 0) is proven",
     "the very pointer that is used: if (ptr + 8 >", "r5 = 0..127"},
    {"the packet may have moved", kXdp,
     PACKET "r7 = r2\nr4 = r2\nr4 += 8\nif r4 > r3 goto end\nr1 = r6\nr2 = 0\ncall 44\nr0 = *(u8 *)(r7 + 0)\n" END,
     Code::access_through_non_pointer, "r0 = *(u8 *)(r7 + 0)", "r7 is no memory to access",
     "bpf_xdp_adjust_head may move the packet", "bpf_xdp_adjust_head changes r7 = any number"},
    {"a look-up is not compared with null", kFilter, LOOKUP "r1 = *(u64 *)(r0 + 0)\nr0 = 0\nexit\n",
     Code::access_or_null, "r1 = *(u64 *)(r0 + 0)", "r0 may be null",
     "the look-up in array may find nothing: if (!value) return",
     "bpf_map_lookup_elem returns r0 = map_value of array (64 bytes) or null"},
    {"arithmetic before the comparison with null", kFilter, LOOKUP "r0 += 8\nr1 = *(u64 *)(r0 + 0)\nr0 = 0\nexit\n",
     Code::pointer_arithmetic_or_null, "r0 += 8", "may be null", "if (!value) return", "or null"},
    {"what may be null is handed on", kFilter, LOOKUP "r1 = {array} ll\nr2 = r0\ncall 1\nr0 = 0\nexit\n",
     Code::argument_or_null, "call 1", "r2 may be null", "if (!value) return",
     "r2 = map_value of array (64 bytes) or null"},
    {"an index without a bound", kFilter, VALUE "r7 += r6\nr1 = *(u8 *)(r7 + 0)\n" END, Code::pointer_offset_unbounded,
     "r7 += r6", "without a lower bound", "index &= 63; or if (index >= 64) return", "r6 = any number"},
    {"an index that is one too large", kFilter, VALUE "if r6 > 64 goto end\nr7 += r6\nr1 = *(u8 *)(r7 + 0)\n" END,
     Code::access_out_of_bounds, "r1 = *(u8 *)(r7 + 0)", "touches bytes [64, 64+1), there are 64",
     "if (index >= 64) return", "does not jump: r6 = 0..64"},
    {"an index of elements of eight bytes", kFilter, VALUE "r6 &= 15\nr6 <<= 3\nr7 += r6\nr1 = *(u64 *)(r7 + 0)\n" END,
     Code::access_out_of_bounds, "r1 = *(u64 *)(r7 + 0)", "there are 64", "index &= 7; or if (index >= 8) return",
     "r6 = 0..120, a multiple of 8"},
    {"a signed index that may be negative", kFilter,
     VALUE "if r6 s> 47 goto end\nif r6 s< -5 goto end\nr7 += r6\nr1 = *(u8 *)(r7 + 0)\n" END,
     Code::access_index_negative, "r1 = *(u8 *)(r7 + 0)", "may be as low as -5", "index &= 63; or if (index >= 64)",
     "r6 = -5..47"},
    {"an index of 32 bits without a bound", kFilter, VALUE "w6 = w6\nr7 += r6\nr1 = *(u8 *)(r7 + 0)\n" END,
     Code::access_index_unbounded, "r1 = *(u8 *)(r7 + 0)", "no upper bound", "index &= 63", "r6 = 0..0xffffffff"},
    {"a field past the value's end", kFilter, VALUE "r1 = *(u64 *)(r7 + 60)\n" END, Code::access_out_of_bounds,
     "r1 = *(u64 *)(r7 + 60)", "[60, 60+8), there are 64", "there are 64 bytes", "r7 = map_value of array (64 bytes)"},
    {"a key that was never written", kFilter, "r2 = r10\nr2 += -4\nr1 = {array} ll\ncall 1\nr0 = 0\nexit\n",
     Code::stack_uninitialized, "call 1", "reads 4 bytes of stack at -4, byte 0 was never written",
     "initialise all 4 bytes: struct … name = {};", "fp-8 = never written", false},
    {"a key with padding", kFilter, "*(u32 *)(r10 - 8) = 1\nr2 = r10\nr2 += -8\nr1 = {hash} ll\ncall 1\nr0 = 0\nexit\n",
     Code::stack_uninitialized, "call 1", "byte 4 was never written", "padding included (byte 4)", "fp-8 = ", false},
    {"a variable that no branch sets", kFilter, VALUE "if r6 == 0 goto use\nr8 = 1\nuse:\nr1 = r8\n" END,
     Code::register_uninitialized, "r1 = r8", "r8 is read, but nothing was written to it",
     "initialise the variable on every path", "r8 = nothing"},
    {"an argument used after a call", kFilter, "call 5\nr0 = *(u32 *)(r1 + 0)\nr0 = 0\nexit\n",
     Code::register_uninitialized, "r0 = *(u32 *)(r1 + 0)", "r1 is read", "keep it in r6 to r9",
     "bpf_ktime_get_ns leaves r1 without a value"},
    {"no return value", kXdp, "r1 = 0\nexit\n", Code::register_uninitialized, "exit", "r0 is read",
     "return a value on every path", "r0 = nothing"},
    {"an argument too few", kFilter, "r1 = {array} ll\ncall 1\nr0 = 0\nexit\n", Code::register_uninitialized, "call 1",
     "r2 is read", "set r2 before the call", "r2 = nothing"},
    {"a record that is never submitted", kFilter, RESERVE "if r0 == 0 goto end\n*(u64 *)(r0 + 0) = 1\n" END,
     Code::reference_leak, "exit", "acquired at insn 4 is still held", "bpf_ringbuf_submit or bpf_ringbuf_discard",
     "bpf_ringbuf_reserve returns r0 = ring-buffer record of 8 bytes or null"},
    {"a socket that is not released on one path", kClassifier,
     "*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr7 = *(u32 *)(r1 + 0)\nr2 = r10\nr2 += -16\nr3 = 12\nr4 = 0\nr5 = "
     "0\n"
     "call 84\nif r0 == 0 goto end\nif r7 == 9 goto end\nr1 = r0\ncall 86\n" END,
     Code::reference_leak, "exit", "acquired at insn 8", "bpf_sk_lookup_tcp returned on every path: bpf_sk_release",
     "jumps"},
    {"a record used after it was submitted", kFilter,
     RESERVE "if r0 == 0 goto end\nr7 = r0\nr1 = r0\nr2 = 0\ncall 132\n*(u64 *)(r7 + 0) = 1\n" END,
     Code::access_through_non_pointer, "*(u64 *)(r7 + 0) = 1", "r7 is no memory",
     "use it before bpf_ringbuf_submit gives it back", "bpf_ringbuf_submit changes r7"},
    {"a map value is submitted as a record", kFilter, VALUE "r1 = r7\nr2 = 0\ncall 132\n" END, Code::argument_kind,
     "call 132", "r1 is map_value", "what bpf_ringbuf_reserve returned", "r1 = map_value of array"},
    {"a record that may be null is submitted", kFilter, RESERVE "r1 = r0\nr2 = 0\ncall 132\n" END,
     Code::argument_or_null, "call 132", "r1 may be null", "no room for the record: if (!record) return", "or null"},
    {"a kernel pointer is followed directly", kProbe, "r2 = *(u64 *)(r1 + 112)\nr0 = *(u32 *)(r2 + 16)\nr0 = 0\nexit\n",
     Code::access_through_non_pointer, "r0 = *(u32 *)(r2 + 16)", "r2 is no memory to access: scalar",
     "bpf_probe_read_kernel", "r2 = any number"},
    {"a write into the context", kXdp, "*(u32 *)(r1 + 0) = 0\nr0 = 2\nexit\n", Code::context_access,
     "*(u32 *)(r1 + 0) = 0", "no field at offset 0 for 4 bytes", "data may only be read", "r1 = the context"},
    {"a write to a field that is read-only, far from where the context came", kClassifier,
     "r6 = r1\nr7 = 5\n*(u64 *)(r10 - 8) = r6\nr8 = *(u64 *)(r10 - 8)\n*(u32 *)(r8 + 0) = r7\nr0 = 0\nexit\n",
     Code::context_access, "*(u32 *)(r8 + 0) = r7", "no field at offset 0 for 4 bytes", "len may only be read",
     "fp-8 = the context"},
    {"half a field of the context", kXdp, "r0 = *(u16 *)(r1 + 2)\nr0 = 2\nexit\n", Code::context_access,
     "r0 = *(u16 *)(r1 + 2)", "offset 2 for 2 bytes", "part of data (4 bytes at 0)", "r1 = the context"},
    {"a legacy packet load while a record is held", kFilter,
     "r6 = r1\n" RESERVE "if r0 == 0 goto end\nr7 = r0\nr0 = *(u8 *)skb[0x0]\nr1 = r7\nr2 = 0\ncall 132\n" END,
     Code::packet_load_with_reference, "r0 = *(u8 *)skb[0x0]", "may end the program while a reference is held",
     "release the reference first", "bpf_ringbuf_reserve returns r0"},
    {"past the context", kXdp, "r0 = *(u32 *)(r1 + 64)\nr0 = 2\nexit\n", Code::context_access, "r0 = *(u32 *)(r1 + 64)",
     "offset 64", "struct xdp_md ends after 24 bytes", "r1 = the context"},
    {"the context is moved", kXdp, "r1 += 4\nr0 = *(u32 *)(r1 + 0)\nr0 = 2\nexit\n", Code::context_pointer_moved,
     "r0 = *(u32 *)(r1 + 0)", "context plus 4", "", "r1 = the context + 4"},
    {"a helper of another program type", kXdp, "call 26\nr0 = 2\nexit\n", Code::helper_not_for_type, "call 26",
     "bpf_skb_load_bytes", "is for programs of type", "", true},
    {"a helper for the GPL", kProbe, "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall 113\nr0 = 0\nexit\n",
     Code::helper_gpl_only, "call 113", "GPL-compatible", "SEC(\"license\") = \"GPL\"", "", true, "Proprietary"},
    {"a helper that does not exist", kXdp, "call 9999\nr0 = 2\nexit\n", Code::helper_unknown, "call 9999",
     "no helper 9999", "", ""},
    {"a helper for another type of map", kXdp,
     "r1 = {ring} ll\nr2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = 0\ncall 1\nr0 = 2\nexit\n", Code::argument_map_type,
     "call 1", "does not work on this type of map", "takes maps of type hash, array", "r1 = map ring"},
    {"a number where a pointer is wanted", kFilter, "r1 = {array} ll\nr2 = 7\ncall 1\nr0 = 0\nexit\n",
     Code::argument_kind, "call 1", "r2 is scalar", "argument 2 of bpf_map_lookup_elem is a pointer to a key: &key",
     "r2 = 7"},
    {"a size that may be negative", kFilter,
     VALUE "if r6 s> 48 goto end\nr1 = {ring} ll\nr2 = r7\nr3 = r6\nr4 = 0\ncall 130\n" END,
     Code::argument_size_negative, "call 130", "the size may be as low as", "if (size > 64) return", "r3 = "},
    {"a size without a bound", kFilter, VALUE "w6 = w6\nr1 = {ring} ll\nr2 = r7\nr3 = r6\nr4 = 0\ncall 130\n" END,
     Code::argument_size_unbounded, "call 130", "no upper bound", "if (size > 64) return", "r3 = 0..0xffffffff"},
    {"a size that may be zero", kProbe,
     "r6 = *(u64 *)(r1 + 112)\nr6 &= 7\n*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\nr2 = r6\ncall 16\nr0 = 0\nexit\n",
     Code::argument_size_zero, "call 16", "may be 0", "not 0", "r2 = 0..7"},
    {"a size larger than the memory", kFilter,
     VALUE "if r6 > 65 goto end\nr1 = {ring} ll\nr2 = r7\nr3 = r6\nr4 = 0\ncall 130\n" END, Code::access_out_of_bounds,
     "call 130", "there are 64", "check the size before the call: if (size > 64) return", "r3 = 0..65"},
    {"a stack that is too large", kFilter, "*(u64 *)(r10 - 520) = 0\nr0 = 0\nexit\n", Code::stack_out_of_bounds,
     "*(u64 *)(r10 - 520) = 0", "the frame is [-512, 0)", "per-CPU array", ""},
    {"a loop that does not move on", kFilter, "r6 = 0\nagain:\nr0 = 1\nif r6 < 10 goto again\nexit\n",
     Code::endless_loop, "r0 = 1", "comes back with nothing changed", "counter moves towards its bound",
     "again with r6 = 0, as in the round before"},
    {"code that nothing leads to", kFilter, "r0 = 0\nexit\nr0 = 1\nexit\n", Code::unreachable, "r0 = 1",
     "no path leads", "remove the dead code", ""},
    {"a function that calls itself", kFilter, "call pc+0x1\nexit\ncall pc-0x1\nexit\n", Code::call_too_deep,
     "call pc-0x1", "nest deeper than 8", "make fewer functions call each other", ""},
    {"a return value out of range", ProgType::cgroup_skb, "r0 = *(u32 *)(r1 + 0)\nexit\n", Code::return_range, "exit",
     "only [0, 1] is allowed", "return 0 or 1", "r0 = 0..0xffffffff"},
    {"a pointer is returned", kFilter, "r0 = r1\nexit\n", Code::pointer_leak, "exit", "would be visible outside",
     "CAP_PERFMON", "r0 = the context", false},
    {"a write into a constant", kFilter,
     "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = {constants} ll\ncall 1\nif r0 == 0 goto end\n"
     "*(u64 *)(r0 + 0) = 1\n" END,
     Code::write_read_only_map, "*(u64 *)(r0 + 0) = 1", "into map constants, which is read-only", "const",
     "r0 = map_value of constants"},
    {"a division by the constant 0", kFilter, "r0 = 1\nr0 /= 0\nexit\n", Code::division_by_zero, "r0 /= 0",
     "divides by the constant 0", "check the divisor first", ""},
};

struct NamedMap {
  std::string_view name;
  MapSpec spec;
};

const std::vector<NamedMap>& named_maps() {
  static const std::vector<NamedMap> maps{
      {"array", {.name = "array", .type = MapType::array, .key_size = 4, .value_size = 64, .max_entries = 1}},
      {"hash", {.name = "hash", .type = MapType::hash, .key_size = 8, .value_size = 8, .max_entries = 1}},
      {"ring", {.name = "ring", .type = MapType::ringbuf, .max_entries = 4096}},
      {"constants",
       {.name = "constants",
        .type = MapType::hash,
        .key_size = 4,
        .value_size = 8,
        .max_entries = 1,
        .flags = map_flag::rdonly_prog}},
  };
  return maps;
}

constexpr std::int32_t kMapMark = 0x6d617000, kMarks = 256;

/// The program, with its text as source lines.
program::Program program_of(const Mistake& mistake) {
  std::string text = mistake.text;
  for (std::size_t i = 0; i < named_maps().size(); ++i) {
    const std::string name = "{" + std::string(named_maps()[i].name) + "}";
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name))
      text.replace(at, name.size(), std::to_string(kMapMark + static_cast<std::int32_t>(i)));
  }
  program::Program program;
  program.type = mistake.type;
  program.license = mistake.license;
  auto insns = isa::assemble(text);
  if (!insns) FAIL(mistake.name << ": " << insns.error().message() << '\n' << text);
  constexpr std::uint8_t kWide = 0x18;
  for (Insn& insn : *insns) {
    if (insn.opcode != kWide || insn.imm < kMapMark || insn.imm >= kMapMark + kMarks) continue;
    insn.imm -= kMapMark;
    insn.src = 1;
  }
  program.insns = *insns;
  std::uint32_t pc = 0, number = 0;
  for (std::string_view rest = mistake.text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    if (line.ends_with(':')) continue;
    program::Line& entry = program.lines.emplace_back();
    entry.pc = pc;
    entry.line = number;
    entry.file = "test.c";
    entry.text = line;
    pc += pc < program.insns.size() && program.insns[pc].opcode == kWide ? 2 : 1;
  }
  REQUIRE(pc == program.insns.size());
  program.subprogs.push_back({"entry", 0, pc});
  return program;
}

struct Explained1 {
  program::Program program;
  Explained what;
};

Explained1 explained(const Mistake& mistake) {
  Explained1 result{program_of(mistake), {}};
  std::vector<MapInfo> maps;
  for (const NamedMap& map : named_maps()) maps.push_back({&map.spec, {}});
  Input input;
  input.program = &result.program;
  input.maps = maps;
  input.options.privileges.perfmon = input.options.privileges.bpf = mistake.privileged;
  result.what = explain(input, 8);
  return result;
}

std::string notes_of(const Explanation& explanation, const program::Program& program) {
  std::string text;
  for (const PathStep& step : explanation.path) text += program.source_at(step.pc) + " -> " + step.note + "\n";
  return text;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

TEST_CASE("each common mistake is named, found at its line, and answered") {
  static_assert(std::size(kMistakes) >= 40);
  for (const Mistake& mistake : kMistakes) {
    CAPTURE(std::string(mistake.name));
    const auto [program, what] = explained(mistake);
    REQUIRE(!what.findings.empty());
    const Explanation& first = what.findings.front();
    const std::string message = text_of(first.finding), notes = notes_of(first, program);
    CAPTURE(message);
    CAPTURE(first.suggestion);
    CAPTURE(notes);
    CHECK(name_of(first.finding.code) == name_of(mistake.code));
    const std::string line(program.line_at(first.finding.pc)->text);
    CHECK(line == std::string(mistake.line));
    CHECK(has(message, mistake.message));
    CHECK(has(first.suggestion, mistake.suggestion));
    CHECK((first.suggestion.empty() ? mistake.suggestion[0] == 0 : true));
    CHECK(has(notes, mistake.note));
    CHECK((mistake.note[0] == 0 || first.path.back().pc == first.finding.pc || mistake.code == Code::endless_loop));
  }
}

/// The codes found in a program, each with its line's number.
std::vector<std::pair<std::string, std::uint32_t>> found_in(const char* text, std::uint32_t most = 8) {
  const Mistake mistake{"", kXdp, text, Code::malformed, "", "", "", ""};
  const program::Program program = program_of(mistake);
  std::vector<MapInfo> maps;
  for (const NamedMap& map : named_maps()) maps.push_back({&map.spec, {}});
  Input input;
  input.program = &program;
  input.maps = maps;
  std::vector<std::pair<std::string, std::uint32_t>> found;
  for (const Explanation& one : explain(input, most).findings)
    found.emplace_back(name_of(one.finding.code), program.line_at(one.finding.pc)->line);
  return found;
}

TEST_CASE("the way of the context to a wrong access leaves out what has no say") {
  const auto [program, what] =
      explained({"", kXdp,
                 "r6 = r1\nr7 = *(u32 *)(r1 + 12)\nif r7 == 0 goto end\nr2 = r6\nr0 = *(u16 *)(r2 + 2)\nend:\nr0 = "
                 "2\nexit\n",
                 Code::malformed, "", "", "", ""});
  REQUIRE(what.findings.size() == 1);
  CHECK(notes_of(what.findings.front(), program) ==
        "test.c:1: r6 = r1 -> r6 = the context\n"
        "test.c:4: r2 = r6 -> r2 = the context\n"
        "test.c:5: r0 = *(u16 *)(r2 + 2) -> r2 = the context\n");
}

TEST_CASE("mistakes on different paths are all reported, what follows from one is not") {
  using Found = std::vector<std::pair<std::string, std::uint32_t>>;
  // A branch each: the packet unchecked, a look-up unchecked, a register never set.
  const char* several =
      "r6 = r1\nr7 = *(u32 *)(r1 + 12)\nif r7 == 1 goto packet\nif r7 == 2 goto lookup\nr0 = r8\nexit\n"
      "packet:\nr2 = *(u32 *)(r6 + 0)\nr0 = *(u8 *)(r2 + 0)\nr0 = *(u8 *)(r2 + 1)\nexit\n"
      "lookup:\n" LOOKUP "r0 = *(u64 *)(r0 + 0)\nexit\n";
  const Found all{{"register_uninitialized", 5}, {"access_or_null", 18}, {"packet_out_of_bounds", 9}};
  CHECK(found_in(several) == all);
  CHECK(found_in(several, 1) == Found{all.front()});
  CHECK(found_in(several, 2) == Found{all[0], all[1]});

  // Two accesses through one pointer that nobody checked are one mistake.
  const char* once =
      "r2 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 12)\nif r7 == 1 goto other\nr0 = *(u8 *)(r2 + 0)\nexit\n"
      "other:\nr0 = *(u8 *)(r2 + 1)\nexit\n";
  CHECK(found_in(once) == Found{{"packet_out_of_bounds", 4}});
}

TEST_CASE("an explanation goes through calls, spills and loops, and leaves out what has no say") {
  const auto notes = [](const char* text) {
    const auto [program, what] = explained({"", kFilter, text, Code::malformed, "", "", "", ""});
    return what.findings.empty() ? std::string() : notes_of(what.findings.front(), program);
  };
  const std::string spilled = notes(VALUE
                                    "*(u64 *)(r10 - 16) = r6\nr8 = 5\nr9 = *(u64 *)(r10 - 16)\nr9 &= 127\nr7 += r9\n"
                                    "r1 = *(u8 *)(r7 + 0)\n" END);
  CHECK_MESSAGE(has(spilled, "fp-16 = any number"), spilled);
  CHECK_MESSAGE(has(spilled, "r9 = 0..127"), spilled);
  CHECK_MESSAGE(!has(spilled, "r8"), spilled);
  const std::string called = notes(VALUE
                                   "r1 = r6\nr2 = r7\ncall pc+0x2\nend:\nr0 = 0\nexit\n"
                                   "r2 += r1\nr0 = 0\nexit\n");
  CHECK_MESSAGE(has(called, "; goes into entry as r1 = any number"), called);
  const std::string returned = notes(VALUE
                                     "r1 = r6\ncall pc+0x4\nr7 += r0\nr1 = *(u8 *)(r7 + 0)\nend:\nr0 = 0\nexit\n"
                                     "r0 = r1\nr0 &= 255\nexit\n");
  CHECK_MESSAGE(has(returned, "comes back with r0 = 0..255"), returned);
  // A hundred rounds: the bound is learnt in the last.
  const std::string looped =
      notes(VALUE "r8 = 0\nagain:\nr8 += 1\nif r8 != 100 goto again\nr7 += r8\nr1 = *(u8 *)(r7 + 0)\n" END);
  CHECK_MESSAGE(has(looped, "r8 = 100"), looped);
  CHECK_MESSAGE(std::count(looped.begin(), looped.end(), '\n') < 40, looped);
}

TEST_CASE("every explained mistake is the one that verification alone finds first") {
  for (const Mistake& mistake : kMistakes) {
    const program::Program program = program_of(mistake);
    std::vector<MapInfo> maps;
    for (const NamedMap& map : named_maps()) maps.push_back({&map.spec, {}});
    Input input;
    input.program = &program;
    input.maps = maps;
    input.options.privileges.perfmon = input.options.privileges.bpf = mistake.privileged;
    const Report report = verify(input);
    REQUIRE(report.findings.size() == 1);
    CHECK_MESSAGE(name_of(report.findings.front().code) == name_of(mistake.code), std::string(mistake.name));
  }
}

}  // namespace
}  // namespace skep::verifier
