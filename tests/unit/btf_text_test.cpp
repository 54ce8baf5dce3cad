// Text made from types and values: exact expectations, and bounds that hold for hostile types.
#include <doctest/doctest.h>

#include <string>

#include "btf/btf.hpp"
#include "support/btf_builder.hpp"

namespace skep {
namespace {

using btf::Btf;
using btf::format_declaration;
using btf::format_value;
using btf::Kind;
using testing::BtfBuilder;

/// Little-endian bytes of the arguments, one after the other; strings without their NUL.
class Raw {
 public:
  template <class... T>
  explicit Raw(const T&... values) {
    (append(values), ...);
  }
  operator Bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  template <class T>
  void append(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void append(const std::string& text) { bytes_ += text; }
  std::string bytes_;
};

/// The basic types most tests need; further ones begin at kNext.
struct Basics : BtfBuilder {
  static constexpr std::uint32_t kInt = 1, kChar = 2, kU8 = 3, kU32 = 4, kU64 = 5, kBool = 6, kDouble = 7, kFloat = 8,
                                 kInt128 = 9;
  Basics() {
    integer("int", 4, 1);
    integer("char", 1, 1);
    integer("unsigned char", 1);
    integer("unsigned int", 4);
    integer("unsigned long long", 8);
    integer("_Bool", 1, 4);
    add("double", info(Kind::float_), 8);
    add("float", info(Kind::float_), 4);
    integer("__int128", 16, 1);
  }
  [[nodiscard]] std::shared_ptr<const Btf> done() const {
    auto types = parse();
    REQUIRE_MESSAGE(types, types.error().message());
    return *types;
  }
};

}  // namespace

TEST_CASE("declarations read as C") {
  Basics b;
  const auto event = b.structure("event", 4, {});
  const auto to_event = b.ref(Kind::ptr, event), events = b.array(to_event, 4), to_events = b.ref(Kind::ptr, events);
  const auto constant = b.ref(Kind::const_, Basics::kChar), text = b.ref(Kind::ptr, constant);
  const auto fixed = b.ref(Kind::const_, text), grid = b.array(b.array(Basics::kFloat, 3), 2);
  const auto tagged = b.ref(Kind::ptr, b.ref(Kind::type_tag, event, "user"));
  const auto proto =
      b.add("", b.info(Kind::func_proto, 3), Basics::kInt, {b.string("e"), to_event, 0, Basics::kU64, 0, 0});
  const auto callback = b.ref(Kind::ptr, proto), callbacks = b.array(callback, 2);
  const auto nothing = b.add("", b.info(Kind::func_proto), 0);
  const auto function = b.add("prog", b.info(Kind::func, 1), proto);
  const auto var = b.add("last", b.info(Kind::var), to_event, {1});
  const auto alias = b.ref(Kind::typedef_, event, "event_t"), hidden = b.composite(Kind::union_, "", 4, {});
  const auto section = b.add(".maps", b.info(Kind::datasec), 0);
  const auto later = b.add("later", b.info(Kind::fwd) | b.kFlag, 0);
  const auto color = b.add("color", b.info(Kind::enum_), 4);
  const auto loose = b.ref(Kind::volatile_, Basics::kInt), only = b.ref(Kind::restrict_, to_event);
  const auto types = b.done();
  const auto check = [&](btf::TypeId id, const char* name, const char* expected) {
    CHECK(format_declaration(*types, id, name) == expected);
  };
  check(0, "", "void");
  check(Basics::kInt, "x", "int x");
  check(event, "", "struct event");
  check(to_event, "", "struct event *");
  check(to_event, "name", "struct event *name");
  check(events, "name", "struct event *name[4]");
  check(to_events, "name", "struct event *(*name)[4]");
  check(text, "s", "const char *s");
  check(fixed, "s", "const char *const s");
  check(fixed, "", "const char *const");
  check(only, "p", "struct event *restrict p");
  check(loose, "v", "volatile int v");
  check(grid, "g", "float g[2][3]");
  check(tagged, "p", "struct event *p");
  check(callback, "f", "int (*f)(struct event *e, unsigned long long, ...)");
  check(callbacks, "f", "int (*f[2])(struct event *e, unsigned long long, ...)");
  check(nothing, "f", "void f(void)");
  check(function, "", "int prog(struct event *e, unsigned long long, ...)");
  check(var, "", "struct event *last");
  check(alias, "a", "event_t a");
  check(hidden, "u", "union {…} u");
  check(section, "", "section .maps");
  check(later, "", "union later");
  check(color, "c", "enum color c");
  check(12345, "x", "void x");
}

TEST_CASE("declarations of endless types end") {
  BtfBuilder b;
  b.integer("int", 4);
  const auto self = b.ref(Kind::ptr, b.next());
  const auto proto =
      b.add("", b.info(Kind::func_proto, 3), b.next() + 1, {0, b.next() + 1, 0, b.next() + 1, 0, b.next() + 1});
  const auto tree = b.ref(Kind::ptr, proto);
  const auto named = b.ref(Kind::typedef_, 1, "bad\x1b[31m\nname");
  const auto long_name = b.ref(Kind::typedef_, 1, std::string(4000, 'x'));
  const auto types = b.parse();
  REQUIRE(types);
  const auto stars = format_declaration(**types, self, "p");
  CHECK(stars.starts_with("… ***"));
  CHECK(stars.size() < 1100);
  CHECK(format_declaration(**types, tree, "f").size() < 1100);
  CHECK(format_declaration(**types, named, "n") == "bad?[31m?name n");
  CHECK(format_declaration(**types, long_name, "n") == std::string(1024, 'x') + "…");
}

TEST_CASE("plain values print by their type") {
  Basics b;
  const auto to_int = b.ref(Kind::ptr, Basics::kInt),
             alias = b.ref(Kind::const_, b.ref(Kind::typedef_, Basics::kU32, "u32"));
  const auto var = b.add("v", b.info(Kind::var), Basics::kInt, {1});
  const auto half = b.add("half", b.info(Kind::float_), 2), wide = b.add("long double", b.info(Kind::float_), 16);
  const auto types = b.done();
  const auto check = [&](btf::TypeId id, Bytes bytes, const char* expected) {
    CHECK(format_value(*types, id, bytes) == expected);
  };
  check(Basics::kInt, Raw(-5), "-5");
  check(Basics::kU32, Raw(-5), "4294967291");
  check(Basics::kU64, Raw(~std::uint64_t{0}), "18446744073709551615");
  check(Basics::kChar, Raw('x'), "'x'");
  check(Basics::kChar, Raw('\''), "'\\''");
  check(Basics::kChar, Raw('\n'), "10");
  check(Basics::kChar, Raw('\xff'), "-1");
  check(Basics::kU8, Raw('x'), "120");
  check(Basics::kBool, Raw('\0'), "false");
  check(Basics::kBool, Raw('\1'), "true");
  check(Basics::kBool, Raw('\2'), "2");
  check(Basics::kDouble, Raw(1.5), "1.5");
  check(Basics::kFloat, Raw(-0.1f), "-0.1");
  check(Basics::kInt128, Raw(std::uint64_t{1}, std::uint64_t{0}), "0x1");
  check(Basics::kInt128, Raw(std::uint64_t{1}, std::uint64_t{2}), "0x20000000000000001");
  check(half, Raw(std::uint16_t{0x3c00}), "0x3c00");
  check(wide, Raw(std::uint64_t{7}, std::uint64_t{0}), "0x7");
  check(to_int, Raw(std::uint64_t{0xffff0000}), "0xffff0000");
  check(to_int, Raw(std::uint64_t{0}), "0x0");
  check(alias, Raw(7), "7");
  check(var, Raw(8), "8");
  check(0, Raw(8), "?");
  check(999, Raw(8), "?");
}

TEST_CASE("enums print by name, and by number where no name fits") {
  Basics b;
  const auto plain = b.add("color", b.info(Kind::enum_, 2), 4, {b.string("red"), 0, b.string("green"), 5});
  const auto sign =
      b.add("level", b.info(Kind::enum_, 1) | b.kFlag, 4, {b.string("low"), static_cast<std::uint32_t>(-3)});
  const auto tiny = b.add("tiny", b.info(Kind::enum_, 1) | b.kFlag, 1, {b.string("minus"), ~0u});
  const auto wide = b.add("far", b.info(Kind::enum64, 1), 8, {b.string("top"), 0, 0x80000000});
  const auto types = b.done();
  CHECK(format_value(*types, plain, Raw(5)) == "green");
  CHECK(format_value(*types, plain, Raw(-1)) == "4294967295");
  CHECK(format_value(*types, sign, Raw(-3)) == "low");
  CHECK(format_value(*types, sign, Raw(-4)) == "-4");
  CHECK(format_value(*types, tiny, Raw('\xff')) == "minus");
  CHECK(format_value(*types, wide, Raw(std::uint64_t{1} << 63)) == "top");
  CHECK(format_value(*types, wide, Raw(std::uint64_t{3})) == "3");
}

TEST_CASE("strings are quoted, escaped, and end at their NUL") {
  Basics b;
  const auto name = b.array(Basics::kChar, 8), octets = b.array(Basics::kU8, 4), open = b.array(Basics::kChar, 0);
  const auto types = b.done();
  CHECK(format_value(*types, name, Raw(std::string("eth0\0xyz", 8))) == "\"eth0\"");
  CHECK(format_value(*types, name, Raw(std::string("12345678"))) == "\"12345678\"");
  CHECK(format_value(*types, name, Raw(std::string("a\"\\\n\x01\x1b\xe9\0", 8))) == "\"a\\\"\\\\\\n\\x01\\x1b\\xe9\"");
  CHECK(format_value(*types, name, Raw(std::string("abc"))) == "\"abc\"…");
  CHECK(format_value(*types, open, Raw(std::string("abc"))) == "\"\"");
  CHECK(format_value(*types, octets, Raw(std::string("\x0a\0\0\x01", 4))) == "[10 0 0 1]");
}

TEST_CASE("structs print member by member, anonymous ones among the others") {
  Basics b;
  const auto address = b.composite(Kind::union_, "", 4, {{"ip", Basics::kU32, 0}, {"octets", b.next() + 1, 0}});
  b.array(Basics::kU8, 4);
  const auto inner = b.structure("inner", 8, {{"name", b.next() + 1, 0}, {"s", Basics::kInt, 32}});
  b.array(Basics::kChar, 4);
  const auto event = b.structure("event", 16, {{"", address, 0}, {"in", inner, 32}, {"n", Basics::kInt, 96}});
  const auto empty = b.structure("empty", 0, {}), pair = b.array(inner, 2), grid = b.array(b.array(Basics::kU8, 2), 2);
  const auto types = b.done();
  const Raw bytes(std::uint32_t{0x0100007f}, std::string("lo\0\0", 4), -2, 9);
  CHECK(format_value(*types, event, bytes) == "{ip=16777343 octets=[127 0 0 1] in={name=\"lo\" s=-2} n=9}");
  CHECK(format_value(*types, empty, bytes) == "{}");
  CHECK(format_value(*types, pair, bytes) == "[{name=\"\\x7f\" s=28524} {name=\"\\xfe\\xff\\xff\\xff\" s=9}]");
  CHECK(format_value(*types, grid, bytes) == "[[127 0] [0 1]]");
}

TEST_CASE("bit fields print their bits, in the new form and the old") {
  Basics b;
  const auto fields = b.composite(Kind::struct_, "f", 16,
                                  {{"a", Basics::kU32, 0, 3},
                                   {"b", Basics::kInt, 3, 5},
                                   {"flag", Basics::kBool, 8, 1},
                                   {"wide", Basics::kU64, 12, 64},
                                   {"rest", Basics::kInt, 96}},
                                  true);
  const auto old_int = b.add("int", b.info(Kind::int_), 4, {1u << 24 | 5});
  const auto shifted = b.add("int", b.info(Kind::int_), 4, {1u << 24 | 3u << 16 | 5});
  const auto old = b.structure("old", 8, {{"x", old_int, 3}, {"y", shifted, 32}});
  const auto types = b.done();
  const Raw bytes(std::string("\xfd\x11\x32\x54\x76\x98\xba\xdc\xfe\x0f\0\0\xff\xff\xff\xff", 16));
  CHECK(format_value(*types, fields, bytes) == "{a=5 b=-1 flag=true wide=18441619978133521185 rest=-1}");
  CHECK(format_value(*types, old, Raw(std::uint32_t{0xf8}, std::uint32_t{0x48})) == "{x=-1 y=9}");
}

TEST_CASE("a section prints its variables") {
  Basics b;
  const auto hits = b.add("hits", b.info(Kind::var), Basics::kU64, {1}),
             limit = b.add("limit", b.info(Kind::var), Basics::kInt, {1});
  const auto data = b.add(".data", b.info(Kind::datasec, 2), 12, {hits, 0, 8, limit, 8, 4});
  const auto types = b.done();
  CHECK(format_value(*types, data, Raw(std::uint64_t{3}, -4)) == "{hits=3 limit=-4}");
}

TEST_CASE("what is past the bytes prints as an ellipsis") {
  Basics b;
  const auto pair = b.structure("pair", 8, {{"a", Basics::kInt, 0}, {"b", Basics::kInt, 32}});
  const auto numbers = b.array(Basics::kInt, 1u << 30), pairs = b.array(pair, 3),
             empties = b.array(b.structure("", 0, {}), ~0u);
  const auto beyond = b.add(".data", b.info(Kind::datasec, 1), 0, {b.next() + 1, 0xffffffff, 4});
  b.add("v", b.info(Kind::var), Basics::kInt, {1});
  const auto types = b.done();
  const Raw six(1, std::uint16_t{2});
  CHECK(format_value(*types, Basics::kInt, {}) == "…");
  CHECK(format_value(*types, pair, six) == "{a=1 b=…}");
  CHECK(format_value(*types, numbers, six) == "[1 … …]");
  CHECK(format_value(*types, pairs, Raw(1, 2, 3)) == "[{a=1 b=2} {a=3 b=…} …]");
  CHECK(format_value(*types, beyond, six) == "{v=…}");
  CHECK(format_value(*types, empties, six).size() < 4200);
  CHECK(format_value(*types, numbers, std::vector<std::byte>(100000)).size() < 4200);
}

TEST_CASE("types that take endless visits to print nothing are cut short") {
  BtfBuilder b;
  b.structure("", 0, {});
  for (int level = 0; level < 20; ++level) {
    const auto inner = b.next() - 1;
    b.structure("", 0, {{"", inner, 0}, {"", inner, 0}, {"", inner, 0}, {"", inner, 0}});
  }
  const auto types = b.parse();
  REQUIRE(types);
  CHECK(format_value(**types, b.next() - 1, {}) == "{}…");
}

}  // namespace skep
