// The type graph against bpftool on what clang makes and on the running kernel's types, and against every way a
// hand-made file can lie. Text made from types is in btf_text_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <sstream>
#include <thread>
#include <tuple>

#include "btf/btf.hpp"
#include "elf/elf.hpp"
#include "support/btf_builder.hpp"
#include "support/btf_dump.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::Btf;
using btf::Kind;
using testing::BtfBuilder;

// Every kind of type that clang can make, one function in .text and one in its own section.
constexpr std::string_view kSource = R"(typedef unsigned int u32;
typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
#define tag(x) __attribute__((btf_decl_tag(x)))
#define user __attribute__((btf_type_tag("user")))
struct later;
union later_union;
enum color { red, green = 5 };
enum level { low = -3, high = 7 };
enum huge { big = 0xfedcba9876543210ull };
enum deep { bottom = -0x7000000000000000ll };
struct inner { char name[8]; short s; } tag("inner_tag");
struct event {
  u64 when;
  struct inner in;
  u32 a : 3, b : 7;
  int c : 5;
  _Bool flag;
  union { u32 ip; unsigned char octets[4]; };
  enum color color;
  enum level level;
  enum huge huge;
  enum deep deep;
  const char *text;
  int (*callback)(struct later *, volatile int *, ...);
  union later_union *restrict other;
  int user *from;
  double d;
  float grid[2][3];
} __attribute__((preserve_access_index));
struct event last_event SEC(".data");
static volatile const int limit SEC(".rodata") = 4;
extern int kernel_thing(struct later *, int) SEC(".ksyms");
__attribute__((noinline)) static int twice(int x tag("arg_tag")) { return x * 2 + limit; }
SEC("xdp") int prog(struct event *e) {
  if (e->c > limit)
    return kernel_thing(0, 1);
  last_event.when = e->when;
  return twice(e->in.s) + e->flag;
}
char _license[] SEC("license") = "GPL";
)";

/// An object of clang's with its types, or a visible skip.
struct Compiled {
  tools::Scratch scratch;
  std::string path;
  std::vector<std::byte> bytes;
  elf::File file;
  std::shared_ptr<const Btf> types;

  bool ready() {
    if (!tools::have("clang-19")) {
      MESSAGE("SKIP: needs clang-19");
      return false;
    }
    path = scratch.compile("object.o", kSource).value();
    bytes = tools::read_file(path).value();
    file = elf::File::parse(bytes).value();
    auto parsed = Btf::parse(file.find(".BTF")->data);
    REQUIRE_MESSAGE(parsed, parsed.error().message());
    types = *parsed;
    return true;
  }
};

std::optional<std::string> bpftool_dump(const std::string& path) {
  if (tools::have("bpftool")) return tools::output_of("bpftool btf dump file " + path + " format raw");
  if (tools::have("/usr/sbin/bpftool"))
    return tools::output_of("/usr/sbin/bpftool btf dump file " + path + " format raw");
  return std::nullopt;
}

/// Where two texts first differ, as a line of each.
std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string l, r;
  while (std::getline(left, l) && std::getline(right, r)) {
    if (l != r) return l + " | " + r;
  }
  return "one is longer";
}

/// Two-word patch helper: the file with the 32-bit word at `at` replaced.
std::vector<std::byte> with_word(std::vector<std::byte> bytes, std::size_t at, std::uint32_t word) {
  std::memcpy(bytes.data() + at, &word, sizeof word);
  return bytes;
}

/// A file with a type of most kinds, small enough to change every byte of.
BtfBuilder mixed() {
  BtfBuilder b;
  b.integer("int", 4, 1);                                                                       // 1
  b.ref(Kind::ptr, 4);                                                                          // 2
  b.array(1, 3);                                                                                // 3
  b.composite(Kind::struct_, "s", 24, {{"next", 2, 0}, {"a", 3, 64}, {"f", 1, 160, 5}}, true);  // 4
  b.add("e", BtfBuilder::info(Kind::enum_, 1), 4, {b.string("one"), 1});                        // 5
  b.ref(Kind::typedef_, 4, "t");                                                                // 6
  b.add("", BtfBuilder::info(Kind::func_proto, 1), 1, {b.string("p"), 2});                      // 7
  b.add("fn", BtfBuilder::info(Kind::func, 1), 7);                                              // 8
  b.add("v", BtfBuilder::info(Kind::var), 6, {1});                                              // 9
  b.add(".data", BtfBuilder::info(Kind::datasec, 1), 0, {9, 0, 24});                            // 10
  b.add("note", BtfBuilder::info(Kind::decl_tag), 4, {1});                                      // 11
  b.add("w", BtfBuilder::info(Kind::enum64, 1), 8, {b.string("far"), 1, 2});                    // 12
  b.ref(Kind::fwd, 0, "later");                                                                 // 13
  return b;
}

/// .BTF.ext by hand: a header with the relocations' part, then the three tables' words in order.
std::vector<std::byte> ext_bytes(std::vector<std::uint32_t> funcs, std::vector<std::uint32_t> lines,
                                 std::vector<std::uint32_t> relocs) {
  const auto size = [](const auto& words) { return static_cast<std::uint32_t>(4 * words.size()); };
  std::vector<std::uint32_t> words = {
      0x0001eb9f, 32, 0, size(funcs), size(funcs), size(lines), size(funcs) + size(lines), size(relocs)};
  for (const auto& table : {funcs, lines, relocs}) words.insert(words.end(), table.begin(), table.end());
  const auto bytes = std::as_bytes(std::span(words));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("the types of an object are those that bpftool dumps") {
  Compiled object;
  if (!object.ready()) return;
  const auto expected = bpftool_dump(object.path);
  if (!expected) {
    MESSAGE("SKIP: needs bpftool");
    return;
  }
  const std::string seen = testing::dump(*object.types);
  CHECK_MESSAGE(seen == *expected, first_difference(seen, *expected));
  for (const auto kind : {Kind::int_, Kind::ptr, Kind::array, Kind::struct_, Kind::union_, Kind::enum_, Kind::fwd,
                          Kind::typedef_, Kind::volatile_, Kind::const_, Kind::restrict_, Kind::func, Kind::func_proto,
                          Kind::var, Kind::datasec, Kind::float_, Kind::decl_tag, Kind::type_tag, Kind::enum64}) {
    bool found = false;
    for (btf::TypeId id = 1; id < object.types->size(); ++id) found = found || object.types->type(id).kind == kind;
    CHECK_MESSAGE(found, "the source has no type of kind ", static_cast<int>(kind));
  }
}

TEST_CASE("the running kernel's types are those that bpftool dumps") {
  const std::string path = "/sys/kernel/btf/vmlinux";
  const auto bytes = tools::read_file(path);
  if (!bytes) {
    MESSAGE("SKIP: no ", path);
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto types = Btf::parse(*bytes);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  REQUIRE_MESSAGE(types, types.error().message());
  MESSAGE(bytes->size(), " bytes, ", (*types)->size(), " types in ", took.count(), " us");
  const auto task = (*types)->find(Kind::struct_, "task_struct");
  REQUIRE(task != 0);
  CHECK((*types)->members((*types)->type(task)).size() > 50);
  const auto expected = bpftool_dump(path);
  if (!expected) {
    MESSAGE("SKIP: needs bpftool");
    return;
  }
  const std::string seen = testing::dump(**types);
  const bool same = seen == *expected;
  CHECK_MESSAGE(same, first_difference(seen, *expected));
}

TEST_CASE("line info gives the lines of the source, function info the functions of the symbol table") {
  Compiled object;
  if (!object.ready()) return;
  const auto ext = btf::BtfExt::parse(object.file.find(".BTF.ext")->data, *object.types);
  REQUIRE_MESSAGE(ext, ext.error().message());

  std::vector<std::string> source{""};
  std::istringstream stream{std::string(kSource)};
  for (std::string line; std::getline(stream, line);) source.push_back(line);
  CHECK(ext->lines.size() > 5);
  for (const btf::LineInfo& line : ext->lines) {
    REQUIRE(line.line < source.size());
    CHECK(line.text == source[line.line]);
    CHECK(line.file.ends_with("object.o.c"));
    CHECK(line.insn_bytes < object.file.find(line.section)->size);
  }

  REQUIRE(ext->funcs.size() == 2);
  for (const btf::FuncInfo& func : ext->funcs) {
    const auto name = object.types->type(func.type).name;
    const auto& symbols = object.file.symbols;
    const auto symbol =
        std::find_if(symbols.begin(), symbols.end(), [&](const elf::Symbol& s) { return s.name == name; });
    REQUIRE(symbol != symbols.end());
    CHECK(object.file.sections[symbol->section].name == func.section);
    CHECK(symbol->value == func.insn_bytes);
  }
}

TEST_CASE("CO-RE relocations are those that llvm-objdump shows") {
  Compiled object;
  if (!object.ready()) return;
  const auto ext = btf::BtfExt::parse(object.file.find(".BTF.ext")->data, *object.types);
  REQUIRE(ext);
  const auto listing = tools::output_of("llvm-objdump-19 -dr " + object.path);
  if (!listing) {
    MESSAGE("SKIP: needs llvm-objdump-19");
    return;
  }
  using Reloc = std::tuple<unsigned long, unsigned, std::string>;
  std::vector<Reloc> expected, seen;
  std::istringstream stream(*listing);
  for (std::string line; std::getline(stream, line);) {
    unsigned long offset = 0;
    unsigned type = 0;
    char access[32] = "";
    if (std::sscanf(line.c_str(), " %lx: CO-RE <byte_off> [%u] struct event::%*s (%31[0-9:])", &offset, &type,
                    access) == 3) {
      expected.emplace_back(offset, type, access);
    }
  }
  for (const btf::CoreReloc& each : ext->relocs) {
    CHECK(each.section == "xdp");
    CHECK(each.kind == 0);
    seen.emplace_back(each.insn_bytes, each.type, each.access);
  }
  CHECK(expected.size() >= 4);
  CHECK(seen == expected);
}

TEST_CASE("a small file is read field by field") {
  const auto types = mixed().parse();
  REQUIRE_MESSAGE(types, types.error().message());
  const Btf& b = **types;
  CHECK(b.size() == 14);
  CHECK(b.type(99).kind == Kind::void_);
  CHECK(b.find(Kind::struct_, "s") == 4);
  CHECK(b.find(Kind::union_, "s") == 0);
  CHECK(b.find(Kind::ptr, "") == 0);
  CHECK(b.strip(6) == 4);
  CHECK(b.size_of(6) == 24u);
  CHECK(b.size_of(2) == 8u);
  CHECK(b.size_of(3) == 12u);
  CHECK(b.size_of(9) == 24u);
  for (const btf::TypeId sizeless : {0u, 7u, 8u, 11u, 13u, 99u}) CHECK(!b.size_of(sizeless));
  REQUIRE(b.members(b.type(4)).size() == 3);
  CHECK(b.members(b.type(4))[2].bit_offset == 160);
  CHECK(b.members(b.type(4))[2].bit_size == 5);
  CHECK(b.enumerators(b.type(12))[0].value == 0x200000001);
  CHECK(b.parameters(b.type(7))[0].name == "p");
  CHECK(b.section_vars(b.type(10))[0].var == 9);
  CHECK(b.members(b.type(7)).empty());
  CHECK(b.string_at(1) == "int");
  CHECK(b.string_at(2) == "nt");
  CHECK(!b.string_at(100000));
}

TEST_CASE("find gives the first of equal names, from any number of threads") {
  BtfBuilder builder;
  for (int i = 0; i < 500; ++i) builder.integer("n" + std::to_string(i % 100), 4);
  const auto types = builder.parse();
  REQUIRE(types);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::uint32_t i = 0; i < 100; ++i) right += (*types)->find(Kind::int_, "n" + std::to_string(i)) == i + 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 400);
  CHECK((*types)->find(Kind::int_, "n100") == 0);
  CHECK((*types)->find(Kind::typedef_, "n1") == 0);
}

TEST_CASE("sizes past 32 bits are none") {
  BtfBuilder b;
  b.integer("int", 4);
  const auto half = b.array(1, 1u << 29), whole = b.array(half, 2), none = b.array(b.array(1, ~0u), 0);
  const auto types = b.parse();
  REQUIRE(types);
  CHECK((*types)->size_of(half) == 1u << 31);
  CHECK(!(*types)->size_of(whole));
  CHECK((*types)->size_of(none) == 0u);
}

TEST_CASE("every lie of a type is refused by number") {
  const auto info = [](Kind kind, std::uint32_t vlen = 0) { return BtfBuilder::info(kind, vlen); };
  struct Lie {
    std::function<void(BtfBuilder&)> tell;  // after type 1, an int
    ErrorCode code;
    const char* text;
  };
  const Lie lies[] = {
      {[&](auto& b) { b.add("x", 20u << 24, 0); }, ErrorCode::unsupported, "btf: type 2: unknown kind 20"},
      {[&](auto& b) { b.add("x", 0, 0); }, ErrorCode::malformed, "btf: type 2: info word 0x0 is none"},
      {[&](auto& b) { b.add("x", info(Kind::ptr) | 1u << 20, 1); }, ErrorCode::malformed,
       "info word 0x2100000 is none"},
      {[&](auto& b) {
         b.add("", info(Kind::struct_, 2), 4, {0, 1, 0});
       },
       ErrorCode::malformed, "36 bytes of kind 4, 24 are left"},
      {[&](auto& b) { b.ref(Kind::ptr, 3); }, ErrorCode::malformed, "btf: type 2: refers to type 3, the last is 2"},
      {[&](auto& b) {
         b.add("", info(Kind::array), 0, {3, 1, 1});
       },
       ErrorCode::malformed, "element is type 3"},
      {[&](auto& b) {
         b.add("", info(Kind::array), 0, {1, 9, 1});
       },
       ErrorCode::malformed, "index is type 9"},
      {[&](auto& b) {
         b.structure("s", 4, {{"m", 7, 0}});
       },
       ErrorCode::malformed, "has a member of type 7"},
      {[&](auto& b) {
         b.structure("s", 4, {{"m", 1, 33}});
       },
       ErrorCode::malformed, "member m at bit 33 past end 32"},
      {[&](auto& b) {
         b.composite(Kind::struct_, "s", 8, {{"m", 1, 0, 33}}, true);
       },
       ErrorCode::malformed, "member m has 33 bits of type 1, which has fewer"},
      {[&](auto& b) {
         b.composite(Kind::struct_, "s", 8, {{"m", 2, 0, 3}}, true);
       },
       ErrorCode::malformed, "contains itself"},
      {[&](auto& b) { b.add("f", info(Kind::func), 1); }, ErrorCode::malformed, "prototype is type 1, which is none"},
      {[&](auto& b) { b.add("", info(Kind::func_proto), 5); }, ErrorCode::malformed, "returns type 5"},
      {[&](auto& b) {
         b.add("", info(Kind::func_proto, 1), 0, {0, 5});
       },
       ErrorCode::malformed, "has a parameter of type 5"},
      {[&](auto& b) { b.add("v", info(Kind::var), 4, {0}); }, ErrorCode::malformed, "is of type 4"},
      {[&](auto& b) {
         b.add("d", info(Kind::datasec, 1), 0, {9, 0, 4});
       },
       ErrorCode::malformed, "holds type 9"},
      {[&](auto& b) {
         b.add("d", info(Kind::datasec, 1), 0, {1, 0, 4});
       },
       ErrorCode::malformed, "holds type 1, which is no variable or function"},
      {[&](auto& b) { b.add("t", info(Kind::decl_tag), 9, {~0u}); }, ErrorCode::malformed, "tags type 9"},
      {[&](auto& b) { b.add("t", info(Kind::decl_tag), 1, {0}); }, ErrorCode::malformed,
       "tags component 0 of type 1, which has 0"},
      {[&](auto& b) { b.add("t", info(Kind::decl_tag), 1, {~1u}); }, ErrorCode::malformed, "tags component -2"},
      {[&](auto& b) { b.integer("i", 0); }, ErrorCode::malformed, "size 0, needs 1 to 16"},
      {[&](auto& b) { b.integer("i", 17); }, ErrorCode::malformed, "size 17, needs 1 to 16"},
      {[&](auto& b) { b.add("i", info(Kind::int_), 4, {8u << 16 | 32}); }, ErrorCode::malformed,
       "bits [8,40) of an integer of 4"},
      {[&](auto& b) { b.add("f", info(Kind::float_), 40); }, ErrorCode::malformed, "size 40, needs 1 to 16"},
      {[&](auto& b) { b.add("e", info(Kind::enum_), 9); }, ErrorCode::malformed, "size 9, needs 1 to 8"},
      {[&](auto& b) { b.ref(Kind::typedef_, 1, std::string(btf::kMaxNameBytes + 1, 'x')); }, ErrorCode::limit,
       "name longer than"},
      {[&](auto& b) { b.ref(Kind::typedef_, 2, "t"); }, ErrorCode::malformed,
       "btf: type 2: contains itself through type 2"},
      {[&](auto& b) { b.ref(Kind::const_, 3), b.array(2, 4); }, ErrorCode::malformed, "contains itself"},
      {[&](auto& b) {
         b.structure("s", 4, {{"u", 3, 0}}), b.composite(Kind::union_, "u", 4, {{"s", 2, 0}});
       },
       ErrorCode::malformed, "contains itself"},
      {[&](auto& b) { b.add("v", info(Kind::var), 2, {0}); }, ErrorCode::malformed, "contains itself"},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.text);
    BtfBuilder builder;
    builder.integer("int", 4);
    lie.tell(builder);
    const auto types = builder.parse();
    REQUIRE(!types);
    CHECK(types.error().code == lie.code);
    CHECK_MESSAGE(types.error().message().find(lie.text) != std::string::npos, types.error().message());
  }
}

TEST_CASE("every lie of the header is refused") {
  const auto good = mixed().bytes();
  const auto size = static_cast<std::uint32_t>(good.size());
  struct Lie {
    std::size_t word;
    std::uint32_t value;
    ErrorCode code;
    const char* text;
  };
  const Lie lies[] = {
      {0, 0x01009feb, ErrorCode::unsupported, "btf: big-endian types, skep reads little-endian ones"},
      {0, 0x0001eb9e, ErrorCode::malformed, "btf: no BTF magic"},
      {0, 0x0002eb9f, ErrorCode::unsupported, "version 2"},
      {0, 0x0101eb9f, ErrorCode::unsupported, "flags 1"},
      {1, 23, ErrorCode::malformed, "header of 23 bytes"},
      {1, size + 1, ErrorCode::malformed, "header of"},
      {1, ~0u, ErrorCode::malformed, "header of"},
      {2, ~0u, ErrorCode::malformed, "bytes of types at offset"},
      {3, ~0u, ErrorCode::malformed, "bytes of types at offset"},
      {4, ~0u, ErrorCode::malformed, "bytes of strings at offset"},
      {5, ~0u, ErrorCode::malformed, "bytes of strings at offset"},
      {5, 0, ErrorCode::malformed, "strings do not begin and end with a NUL"},
      {5, 3, ErrorCode::malformed, "strings do not begin and end with a NUL"},
      {6, size, ErrorCode::malformed, "btf: type 1: name at offset"},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.text);
    const auto types = Btf::parse(with_word(good, 4 * lie.word, lie.value));
    REQUIRE(!types);
    CHECK(types.error().code == lie.code);
    CHECK_MESSAGE(types.error().message().find(lie.text) != std::string::npos, types.error().message());
  }
  CHECK(!Btf::parse({}));
}

TEST_CASE("what odd compilers and empty files leave out is no error") {
  CHECK(BtfBuilder().parse());  // no types at all
  BtfBuilder b;
  b.integer("int", 4);
  const auto proto = b.add("", BtfBuilder::info(Kind::func_proto), 0);
  const auto func = b.add("kfunc", BtfBuilder::info(Kind::func, 2), proto);
  const auto late = b.add("late", BtfBuilder::info(Kind::var), 1, {1}),
             early = b.add("early", BtfBuilder::info(Kind::var), 1, {1});
  b.add(".ksyms", BtfBuilder::info(Kind::datasec, 1), 0, {func, 0, 0});
  b.add(".bss", BtfBuilder::info(Kind::datasec, 2), 0, {late, 4, 4, early, 0, 4});
  b.structure("flexible", 4, {{"n", 1, 0}, {"tail", b.next() + 1, 32}});
  b.array(1, 0);
  const auto types = b.parse();
  CHECK_MESSAGE(types, types.error().message());
}

TEST_CASE("cycles through pointers and prototypes are fine, in any order") {
  BtfBuilder b;
  b.integer("int", 4);
  b.structure("list", 8, {{"next", 3, 0}});                                 // 2
  b.ref(Kind::ptr, 2);                                                      // 3
  b.ref(Kind::ptr, 4);                                                      // 4, to itself
  b.ref(Kind::typedef_, 6, "callback");                                     // 5
  b.ref(Kind::ptr, 7);                                                      // 6
  b.add("", BtfBuilder::info(Kind::func_proto, 1), 5, {b.string("f"), 5});  // 7
  const auto types = b.parse();
  REQUIRE_MESSAGE(types, types.error().message());
  CHECK((*types)->size_of(5) == 8u);
  CHECK((*types)->size_of(4) == 8u);
}

TEST_CASE("types nest to the limit and no deeper, in any order") {
  for (const bool forward : {true, false}) {
    for (const std::uint32_t depth : {btf::kMaxNesting, btf::kMaxNesting + 1}) {
      BtfBuilder b;
      b.integer("int", 4);  // the innermost: depth 1
      // Each refers to the one before, or to the one after with the last referring to the int.
      for (std::uint32_t i = 1; i < depth; ++i) b.ref(Kind::typedef_, forward ? i : i + 1 < depth ? i + 2 : 1, "t");
      const auto types = b.parse();
      CHECK(types.has_value() == (depth == btf::kMaxNesting));
      if (types) CHECK((*types)->strip(forward ? depth : 2) == 1);
      if (!types) CHECK(types.error().code == ErrorCode::limit);
    }
  }
}

TEST_CASE("records of .BTF.ext may be longer than known, and tables empty or absent") {
  auto b = mixed();
  const auto section = b.string("xdp"), file = b.string("a.c"), text = b.string("return 1;"), access = b.string("0:1");
  const auto types = b.parse();
  REQUIRE(types);
  const auto ext = btf::BtfExt::parse(
      ext_bytes({12, section, 2, 0, 8, 77, 16, 8, 77}, {20, section, 1, 8, file, text, 5 << 10 | 3, 9},
                {16, section, 0, section, 1, 24, 4, access, 2}),
      **types);
  REQUIRE_MESSAGE(ext, ext.error().message());
  REQUIRE(ext->funcs.size() == 2);
  CHECK(ext->funcs[1].insn_bytes == 16);
  REQUIRE(ext->lines.size() == 1);
  CHECK(ext->lines[0].line == 5);
  CHECK(ext->lines[0].column == 3);
  CHECK(ext->lines[0].text == "return 1;");
  REQUIRE(ext->relocs.size() == 1);
  CHECK(ext->relocs[0].access == "0:1");
  CHECK(ext->relocs[0].kind == 2);
  CHECK(btf::BtfExt::parse(ext_bytes({}, {}, {}), **types)->funcs.empty());
  // A header without the relocations' part, as compilers wrote before CO-RE.
  auto old = with_word(ext_bytes({}, {}, {}), 4, 24);
  old.resize(24);
  CHECK(btf::BtfExt::parse(old, **types));
}

TEST_CASE("every lie of .BTF.ext is refused") {
  auto b = mixed();
  const auto s = b.string("xdp");
  const auto types = b.parse();
  REQUIRE(types);
  const auto past = static_cast<std::uint32_t>(b.bytes().size());
  struct Lie {
    std::vector<std::byte> bytes;
    const char* text;
  };
  const Lie lies[] = {
      {{}, "btf.ext: no BTF header in 0 bytes"},
      {with_word(ext_bytes({}, {}, {}), 0, 0x0002eb9f), "version 2"},
      {with_word(ext_bytes({}, {}, {}), 4, 20), "header of 20 bytes"},
      {with_word(ext_bytes({}, {}, {}), 4, 33), "header of 33 bytes in 32"},
      {with_word(ext_bytes({}, {}, {}), 12, 1), "btf.ext: function info: 1 bytes at offset 32 past end 32"},
      {with_word(ext_bytes({8, s, 0}, {}, {}), 8, ~0u), "function info: 12 bytes at offset"},
      {ext_bytes({4, s, 0}, {}, {}), "records of 4 bytes, needs a multiple of 4 of at least 8"},
      {ext_bytes({10, s, 0}, {}, {}), "records of 10 bytes"},
      {ext_bytes({8, s}, {}, {}), "ends inside the block at 4"},
      {ext_bytes({8, past, 0}, {}, {}), "name of the block at 4 past end of the strings"},
      {ext_bytes({8, s, 2, 0, 8}, {}, {}), "2 records for xdp at 12 past end 20"},
      {ext_bytes({0xfffffffc, s, 0xffffffff}, {}, {}), "records for xdp"},
      {ext_bytes({8, s, 1, 0, 4}, {}, {}), "record for xdp byte 0: type is no function"},
      {ext_bytes({8, s, 1, 0, 999}, {}, {}), "type is no function"},
      {ext_bytes({8, s, 1, 4, 8}, {}, {}), "record for xdp byte 4: offset inside an instruction"},
      {ext_bytes({}, {12, s, 0}, {}), "line info: records of 12 bytes"},
      {ext_bytes({}, {16, s, 1, 0, past, 0, 0}, {}), "line info: record for xdp byte 0: file or text past end"},
      {ext_bytes({}, {16, s, 1, 0, 0, past, 0}, {}), "file or text past end"},
      {ext_bytes({}, {}, {16, s, 1, 0, 99, 0, 0}), "relocations: record for xdp byte 0: type past the last"},
      {ext_bytes({}, {}, {16, s, 1, 0, 1, past, 0}), "access past end"},
  };
  for (const Lie& lie : lies) {
    CAPTURE(lie.text);
    const auto ext = btf::BtfExt::parse(lie.bytes, **types);
    REQUIRE(!ext);
    CHECK_MESSAGE(ext.error().message().find(lie.text) != std::string::npos, ext.error().message());
  }
}

TEST_CASE("every truncation and every changed byte of a small file parses or is refused") {
  const auto good = mixed().bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(!Btf::parse(std::vector<std::byte>(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  std::size_t accepted = 0, text = 0;
  const std::vector<std::byte> value(64, std::byte{0x41});
  auto bytes = good;
  for (std::byte& byte : bytes) {
    const std::byte old = byte;
    for (unsigned flip = 1; flip < 256; ++flip) {
      byte = old ^ static_cast<std::byte>(flip);
      const auto types = Btf::parse(bytes);
      if (!types) continue;
      ++accepted;
      for (btf::TypeId id = 0; id < (*types)->size(); ++id) {
        text += btf::format_declaration(**types, id, "x").size() + btf::format_value(**types, id, value).size();
        REQUIRE((*types)->strip(id) < (*types)->size());
      }
    }
    byte = old;
  }
  CHECK(accepted > 0);
  CHECK(accepted < good.size() * 255);
  CHECK(text > 0);
}

TEST_CASE("every truncation and every changed byte of .BTF.ext parses or is refused") {
  auto b = mixed();
  const auto s = b.string("xdp");
  const auto types = b.parse();
  REQUIRE(types);
  const auto good = ext_bytes({8, s, 1, 0, 8}, {16, s, 2, 0, s, s, 7, 8, s, s, 9}, {16, s, 1, 8, 4, s, 0});
  REQUIRE(btf::BtfExt::parse(good, **types));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(!btf::BtfExt::parse(Bytes(good).first(size), **types));
  }
  std::size_t accepted = 0;
  auto bytes = good;
  for (std::byte& byte : bytes) {
    const std::byte old = byte;
    for (unsigned flip = 1; flip < 256; ++flip) {
      byte = old ^ static_cast<std::byte>(flip);
      const auto ext = btf::BtfExt::parse(bytes, **types);
      if (!ext) continue;
      ++accepted;
      for (const btf::FuncInfo& each : ext->funcs) REQUIRE((*types)->type(each.type).kind == Kind::func);
    }
    byte = old;
  }
  CHECK(accepted > 0);
  CHECK(accepted < good.size() * 255);
}

}  // namespace skep
