// Types to test with: an object that clang makes of a source with every kind of type, and a small file by hand.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.hpp"
#include "elf/elf.hpp"
#include "support/btf_builder.hpp"
#include "support/tools.hpp"

namespace skep::testing {

// Every kind of type that clang can make, one function in .text and one in its own section.
inline constexpr std::string_view kTypesSource = R"(typedef unsigned int u32;
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
struct CompiledTypes {
  tools::Scratch scratch;
  std::string path;
  std::vector<std::byte> bytes;
  elf::File file;
  std::shared_ptr<const btf::Btf> types;

  bool ready() {
    if (!tools::have("clang-19")) {
      MESSAGE("SKIP: needs clang-19");
      return false;
    }
    path = scratch.compile("object.o", kTypesSource).value();
    bytes = tools::read_file(path).value();
    file = elf::File::parse(bytes).value();
    auto parsed = btf::Btf::parse(file.find(".BTF")->data);
    REQUIRE_MESSAGE(parsed, parsed.error().message());
    types = *parsed;
    return true;
  }
};

/// The file with the 32-bit word at `at` replaced.
inline std::vector<std::byte> with_word(std::vector<std::byte> bytes, std::size_t at, std::uint32_t word) {
  std::memcpy(bytes.data() + at, &word, sizeof word);
  return bytes;
}

/// A file with a type of most kinds, small enough to change every byte of.
inline BtfBuilder mixed_types() {
  BtfBuilder b;
  b.integer("int", 4, 1);                                                                            // 1
  b.ref(btf::Kind::ptr, 4);                                                                          // 2
  b.array(1, 3);                                                                                     // 3
  b.composite(btf::Kind::struct_, "s", 24, {{"next", 2, 0}, {"a", 3, 64}, {"f", 1, 160, 5}}, true);  // 4
  b.add("e", BtfBuilder::info(btf::Kind::enum_, 1), 4, {b.string("one"), 1});                        // 5
  b.ref(btf::Kind::typedef_, 4, "t");                                                                // 6
  b.add("", BtfBuilder::info(btf::Kind::func_proto, 1), 1, {b.string("p"), 2});                      // 7
  b.add("fn", BtfBuilder::info(btf::Kind::func, 1), 7);                                              // 8
  b.add("v", BtfBuilder::info(btf::Kind::var), 6, {1});                                              // 9
  b.add(".data", BtfBuilder::info(btf::Kind::datasec, 1), 0, {9, 0, 24});                            // 10
  b.add("note", BtfBuilder::info(btf::Kind::decl_tag), 4, {1});                                      // 11
  b.add("w", BtfBuilder::info(btf::Kind::enum64, 1), 8, {b.string("far"), 1, 2});                    // 12
  b.ref(btf::Kind::fwd, 0, "later");                                                                 // 13
  return b;
}

}  // namespace skep::testing
