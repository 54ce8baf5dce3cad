// Types as C: every C type comes back from its declaration, names that C does not take are changed, and what has no C
// form, or too much of it, ends in a comment or an error, soon.
#include <doctest/doctest.h>

#include <string>

#include "btf/btf.hpp"
#include "btf/c_dump.hpp"
#include "support/btf_builder.hpp"
#include "support/c_types.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::Kind;
using testing::BtfBuilder;
using testing::compile_header;
using testing::difference;
using testing::layouts;

std::string as_c(const BtfBuilder& file) {
  const auto types = file.parse();
  REQUIRE_MESSAGE(types, types.error().what);
  const auto text = btf::format_c(**types);
  REQUIRE_MESSAGE(text, text.error().what);
  return *text;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// The declarations of a file compile, and to the same types.
void check_round_trip(const btf::Btf& types) {
  const auto text = btf::format_c(types);
  REQUIRE_MESSAGE(text, text.error().what);
  const auto again = compile_header(*text);
  REQUIRE_MESSAGE(again.types, again.complaint << *text);
  const std::string changed = difference(layouts(types), layouts(*again.types));
  CHECK_MESSAGE(changed.empty(), changed << *text);
}
void check_round_trip(const BtfBuilder& file) {
  if (!tools::have("clang-19")) {
    MESSAGE("SKIP: needs clang-19");
    return;
  }
  const auto types = file.parse();
  REQUIRE_MESSAGE(types, types.error().what);
  check_round_trip(**types);
}

constexpr const char* kSources[] = {
    // order: by value, by pointer, through typedefs, arrays of typedefs, prototypes, anonymous types that hold others
    R"(typedef struct late late_t; typedef late_t *late_p;
struct early { late_p p; void (*call)(late_t *, struct never *); };
struct late { struct early *back; int x; };
typedef late_t late_array[3];
struct holder { late_array all; struct { struct late in; } *inner; };
typedef struct { struct holder *h; late_t t; } whole_t;
typedef int (*handler_t)(whole_t *, struct holder, ...);
typedef handler_t table_t[2];
typedef int plain_fn(struct early *e, handler_t h);
struct user { table_t t; plain_fn *f; handler_t (*get)(table_t *); int (*(*deep)(void))[4]; };
struct user use_a; whole_t use_b;)",
    // circles
    R"(struct a; struct b { struct a *a; struct b *b; }; struct a { struct b b; struct a *next; };
typedef struct node node_t; struct node { node_t *next; node_t **all; node_t *(*find)(node_t *); };
struct a use_a; node_t use_b;)",
    // bit fields
    R"(struct bits { unsigned a : 3, b : 29, c : 1; int : 0; int d : 7; unsigned long e : 40, f : 30; _Bool g : 1;
enum { one, two } h : 2; char i; short j : 5; unsigned : 3; unsigned k : 2; long l; int m : 31; int n : 31; int o : 2; };
struct tight { char a; unsigned b : 20; int c : 12; char d; } __attribute__((packed));
struct cross { unsigned a : 30; unsigned b : 30; unsigned long c : 60; } __attribute__((packed));
struct gap { int a : 4; unsigned long : 60; int b : 4; unsigned : 0; char c; };
union bit_union { unsigned a : 3; unsigned long b : 37; };
struct bits use_a; struct tight use_b; struct cross use_c; struct gap use_d; union bit_union use_e;)",
    // packed, aligned, holes
    R"(struct p { char a; int b; short c; } __attribute__((packed));
struct p2 { short a; int b; } __attribute__((packed, aligned(2)));
struct al { char a; } __attribute__((aligned(64)));
struct hold { char c; struct al in; struct p q; long l __attribute__((aligned(32))); char tail; };
struct far { char a; int b __attribute__((aligned(16))); char c __attribute__((aligned(4))); };
union ua { int a; char b[5]; } __attribute__((aligned(32)));
union up { long a; char b[9]; } __attribute__((packed));
struct hu { char x; union ua u; union up v; char y; };
struct wide { char a; __int128 b; unsigned __int128 c; };
struct wide_packed { long a; __int128 b; } __attribute__((packed, aligned(8)));
struct outer { int n; struct { char a; int b; } __attribute__((packed)) in; struct { char c; } __attribute__((aligned(8))); };
struct hold use_a; struct far use_b; struct hu use_c; struct wide use_d; struct wide_packed use_e; struct outer use_f;
struct p2 use_g;)",
    // what types there are
    R"(typedef _Bool bool; typedef unsigned char u8; typedef __builtin_va_list va_list;
struct nothing {}; struct flexible { int n; long data[]; }; struct zero { int n; struct nothing e; int none[0]; };
struct un { union { int a; struct { short b, c; }; float f; }; struct { int in; } named; union { char x; } *p; };
struct many { bool b; float f; double d; long double ld; char c; signed char sc; unsigned char uc; short s;
  unsigned short us; int i; unsigned u; long l; unsigned long ul; long long ll; unsigned long long ull;
  const volatile int *restrict const *volatile q; int *const volatile r; const char *names[3][4]; int (*m)[5][6];
  int __attribute__((btf_type_tag("user"))) *user; int __attribute__((btf_type_tag("rcu"))) *__attribute__((btf_type_tag("percpu"))) *two;
  va_list *va; struct opaque *o; union opaque_union *ou; enum small { s1 = 1 } __attribute__((mode(byte))) e1;
  enum mid { m1 = 300 } __attribute__((mode(HI))) e2; enum word { w1 } __attribute__((mode(word))) e8;
  enum big { b1 = 0xffffffffffffffffull } eb; enum neg { n1 = -2147483647 - 1, n2 = 2147483647 } en;
  enum low { l1 = -9223372036854775807LL - 1, l2 = 9223372036854775807LL } el; enum un32 { q1 = 4294967295u } eq; };
struct nothing use_a; struct flexible use_b; struct zero use_c; struct un use_d; struct many use_e;)",
    // names: tags and ordinary names do not clash, enumerators of anonymous enums do when these are written out twice
    R"(struct same { int a; }; typedef struct same same; typedef enum { A1, A2 } first_t; struct t { enum { B1 } b; };
typedef int u32; struct m { u32 u32; u32 b; int (*f)(u32 a, u32 u32); };
same use_a; first_t use_b; struct t use_c; struct m use_d;)"};

}  // namespace

TEST_CASE("declarations made of C types compile to those types") {
  if (!tools::have("clang-19")) {
    MESSAGE("SKIP: needs clang-19");
    return;
  }
  for (const char* source : kSources) {
    const tools::Scratch scratch;
    const auto object = scratch.compile("types.o", source);
    REQUIRE_MESSAGE(object, source);
    const auto types = testing::types_of(*tools::read_file(*object));
    REQUIRE(types);
    CHECK(layouts(*types).size() > 2);
    check_round_trip(*types);
  }
}

TEST_CASE("types of one name become many names") {
  BtfBuilder file;
  const auto i = file.integer("int", 4, 1);
  file.add("x", BtfBuilder::info(Kind::fwd), 0);
  const auto first = file.structure("x", 4, {{"a", i, 0}});
  file.composite(Kind::union_, "x", 8, {{"s", first, 0}, {"all", file.array(i, 2), 0}});
  file.structure("x___2", 4, {{"b", i, 0}});
  file.ref(Kind::typedef_, i, "t");
  file.ref(Kind::typedef_, first, "t");
  file.add("e", BtfBuilder::info(Kind::enum_, 2), 4, {file.string("t"), 1, file.string("v"), 2});
  file.add("e2", BtfBuilder::info(Kind::enum_, 1), 4, {file.string("v"), 3});
  const std::string text = as_c(file);
  for (const char* part : {"struct x {", "union x___3 {", "struct x___2 {", "struct x___4;", "struct x s;",
                           "typedef int t;", "typedef struct x t___2;", "t___3 = 1", "v = 2", "v___2 = 3"})
    CHECK_MESSAGE(holds(text, part), part << " in " << text);
  check_round_trip(file);
}

TEST_CASE("names that C does not take are changed to ones that it does") {
  BtfBuilder file;
  const auto i = file.integer("u32", 4);
  const auto b = file.integer("bool", 1, 4);
  file.structure("Option<&str>", 12, {{"0", i, 0}, {"int", i, 32}, {"b", b, 64}});
  file.structure("while", 4, {{"a b\n#include", i, 0}});
  file.ref(Kind::typedef_, i, "core::ffi::c_uint");
  const std::string text = as_c(file);
  for (const char* part : {"struct Option__str_ {", "unsigned int _0;", "unsigned int int_;", "_Bool b;",
                           "struct while_ {", "a_b__include;", "typedef unsigned int core__ffi__c_uint;"})
    CHECK_MESSAGE(holds(text, part), part << " in " << text);
  const auto again = compile_header(text);
  CHECK_MESSAGE((again.types || !tools::have("clang-19")), again.complaint);
}

TEST_CASE("a name cannot end a type tag's string") {
  BtfBuilder file;
  const auto tag = file.ref(Kind::type_tag, file.integer("int", 4, 1), "x\"))) int evil; //");
  file.ref(Kind::typedef_, file.ref(Kind::ptr, tag), "t");
  CHECK(holds(as_c(file), "btf_type_tag(\"x?))) int evil; //\")"));
}

TEST_CASE("members that lie in another order come in C's") {
  BtfBuilder file;
  const auto i = file.integer("int", 4, 1);
  file.structure("rust", 8, {{"second", i, 32}, {"first", i, 0}});
  const std::string text = as_c(file);
  CHECK(text.find("first") < text.find("second"));
}

TEST_CASE("members that overlap get a comment") {
  BtfBuilder file;
  const auto i = file.integer("int", 4, 1);
  file.structure("odd", 8, {{"a", i, 0}, {"b", i, 16}});
  CHECK(holds(as_c(file), "/* at bit 16"));
}

TEST_CASE("of a split part, its own types and what they need are declared") {
  BtfBuilder low;
  const auto i = low.integer("int", 4, 1);
  const auto held = low.structure("held", 4, {{"a", i, 0}});
  const auto pointed = low.structure("pointed", 4, {{"a", i, 0}});
  low.structure("other", 4, {{"a", i, 0}});
  BtfBuilder high(low, BtfBuilder::Split{});
  high.structure("own", 16, {{"h", held, 0}, {"p", high.next() + 1, 64}});
  high.ref(Kind::ptr, pointed);
  const auto types = btf::Btf::parse(high.bytes(), *low.parse());
  REQUIRE(types);
  const auto text = btf::format_c(**types);
  REQUIRE(text);
  CHECK(testing::declared(*text) == std::multiset<std::string>{"struct held", "struct own", "struct pointed;"});
}

TEST_CASE("what a C text would be too large for ends in an error") {
  const auto refused = [](const BtfBuilder& file) {
    const auto types = file.parse();
    REQUIRE(types);
    const auto text = btf::format_c(**types);
    return !text && text.error().code == ErrorCode::limit;
  };
  {
    BtfBuilder file;  // a pointer to itself
    file.ref(Kind::typedef_, file.ref(Kind::ptr, file.next()), "t");
    CHECK(refused(file));
  }
  {
    BtfBuilder file;  // an anonymous struct that points to itself
    const auto self = file.structure("", 8, {{"next", file.next() + 1, 0}});
    file.ref(Kind::ptr, self);
    file.ref(Kind::typedef_, self, "t");
    CHECK(refused(file));
  }
  {
    BtfBuilder file;  // twice as many each level down
    auto id = file.integer("int", 4);
    for (int i = 0; i < 40; ++i) {
      const auto pointer = file.ref(Kind::ptr, id);
      id = file.structure("", 16, {{"a", pointer, 0}, {"b", pointer, 64}});
    }
    file.ref(Kind::typedef_, id, "t");
    CHECK(refused(file));
  }
  {
    BtfBuilder file;  // prototypes likewise
    auto id = file.integer("int", 4);
    for (int i = 0; i < 40; ++i)
      id = file.ref(Kind::ptr, file.add("", BtfBuilder::info(Kind::func_proto, 2), id, {0, id, 0, id}));
    file.ref(Kind::typedef_, id, "t");
    CHECK(refused(file));
  }
  {
    BtfBuilder file;  // 4 GiB of padding
    file.structure("s", 0xffffffff, {});
    CHECK(refused(file));
  }
  {
    BtfBuilder file;  // many that each write out the same large one
    auto large = file.add("", BtfBuilder::info(Kind::struct_, 0), 0);
    for (int n = 0; n < 3; ++n)
      large = file.structure("", 4, {{"a", large, 0}, {"b", large, 0}, {"c", large, 0}, {"d", large, 0}});
    for (int n = 0; n < 100000; ++n) file.ref(Kind::typedef_, large, "t");
    CHECK(refused(file));
  }
}

TEST_CASE("a chain of typedefs through pointers may be of any length") {
  BtfBuilder file;
  auto id = file.integer("int", 4, 1);
  // The last one first, so that declaring it must go down the whole chain.
  const std::uint32_t links = 50000, first = file.next();
  for (std::uint32_t n = 0; n < links; ++n) {
    file.ref(Kind::typedef_, file.next() + 1, "t" + std::to_string(n));
    file.ref(Kind::ptr, n + 1 < links ? file.next() + 1 : id);
  }
  const std::string text = as_c(file);
  CHECK(first == 2);
  CHECK(text.find("typedef int *t49999;") < text.find("typedef t1 *t0;"));
}

TEST_CASE("an enum that is only declared has no size, and is only declared again") {
  BtfBuilder file;
  const auto declared = file.add("e", BtfBuilder::info(Kind::enum_), 0);
  file.structure("s", 8, {{"p", file.ref(Kind::ptr, declared), 0}});
  CHECK(holds(as_c(file), "enum e;"));
  file.structure("by_value", 4, {{"e", declared, 8}});  // is no C, but no reason to fall over
  CHECK(holds(as_c(file), "struct by_value {"));
}

TEST_CASE("anonymous types in a circle with named ones are declared as well as can be") {
  BtfBuilder file;
  // struct s { struct { struct s in; } *p; }: no C, but an end
  const auto pointer = file.next() + 2;
  const auto s = file.structure("s", 8, {{"p", pointer, 0}});
  const auto inner = file.structure("", 8, {{"in", s, 0}});
  file.ref(Kind::ptr, inner);
  CHECK(holds(as_c(file), "struct s {"));
}

}  // namespace skep
