// The type graph against bpftool on what clang makes and on the running kernel's types, and against every way a
// hand-made file can lie. Text made from types is in btf_text_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

#include "btf/btf.hpp"
#include "support/btf_dump.hpp"
#include "support/btf_samples.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::Btf;
using btf::Kind;
using testing::BtfBuilder;
using testing::CompiledTypes;
using testing::mixed_types;
using testing::with_word;

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

}  // namespace

TEST_CASE("the types of an object are those that bpftool dumps") {
  CompiledTypes object;
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

TEST_CASE("a small file is read field by field") {
  const auto types = mixed_types().parse();
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
      {[&](auto& b) {
         b.add("e", info(Kind::enum_, 1), 0, {0, 0});
       },
       ErrorCode::malformed, "size 0, needs 1 to 8"},
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
  const auto good = mixed_types().bytes();
  const auto size = static_cast<std::uint32_t>(good.size());
  const auto strings = ByteReader(good).read<std::uint32_t>(20).value();
  struct Lie {
    std::size_t word;
    std::uint32_t value;
    ErrorCode code;
    const char* text;
  };
  const Lie lies[] = {
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
      {6, strings, ErrorCode::malformed, "btf: type 1: name at offset"},
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

TEST_CASE("types in the other byte order are the same types") {
  const std::vector<std::byte> own = mixed_types().bytes();
  std::vector<std::byte> foreign = own;
  const auto turn = [&foreign](std::size_t at, std::size_t bytes) {
    std::reverse(foreign.begin() + static_cast<std::ptrdiff_t>(at),
                 foreign.begin() + static_cast<std::ptrdiff_t>(at + bytes));
  };
  const ByteReader header(own);
  const std::size_t types = *header.read<std::uint32_t>(12), first = 24 + *header.read<std::uint32_t>(8);
  turn(0, 2);
  for (std::size_t at = 4; at < 24; at += 4) turn(at, 4);
  for (std::size_t at = first; at < first + types; at += 4) turn(at, 4);
  const auto read = Btf::parse(foreign);
  REQUIRE_MESSAGE(read.has_value(), read.error().message());
  CHECK(testing::dump(**read) == testing::dump(**mixed_types().parse()));
}

TEST_CASE("bytes that stay are not copied") {
  const auto bytes = std::make_shared<const std::vector<std::byte>>([] {
    BtfBuilder b;
    b.integer("count", 4);
    return b.bytes();
  }());
  const std::weak_ptr<const std::vector<std::byte>> watched = bytes;
  auto types = Btf::parse_in_place(*bytes, bytes);
  REQUIRE(types);
  const auto* const name = reinterpret_cast<const std::byte*>((*types)->type(1).name.data());
  CHECK(name >= bytes->data());
  CHECK(name < bytes->data() + bytes->size());
  CHECK(watched.use_count() == 2);
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

TEST_CASE("a section cannot hold itself through a variable") {
  BtfBuilder b;
  b.add("v", BtfBuilder::info(Kind::var), 2, {1});
  b.add(".data", BtfBuilder::info(Kind::datasec, 1), 4, {1, 0, 4});
  const auto types = b.parse();
  REQUIRE(!types);
  CHECK(types.error().message().find("contains itself") != std::string::npos);
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

TEST_CASE("every truncation and every changed byte of a small file parses or is refused") {
  const auto good = mixed_types().bytes();
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

}  // namespace skep
