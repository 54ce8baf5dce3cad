// Maps out of objects that clang makes: declared, old-style, global variables, static initialisers.
#include <doctest/doctest.h>

#include <cstring>

#include "btf/btf.hpp"
#include "support/objects.hpp"

namespace skep {
namespace {

using Origin = loader::MapDef::Origin;
using Names = std::vector<std::string>;

Result<loader::ObjectSpec> open(const objects::Image& image) { return loader::parse_object(image, "test.o"); }

void check_sizes(const MapSpec& spec, MapType type, std::uint32_t key, std::uint32_t value, std::uint32_t entries) {
  CAPTURE(spec.name);
  CHECK(spec.type == type);
  CHECK(spec.key_size == key);
  CHECK(spec.value_size == value);
  CHECK(spec.max_entries == entries);
}

TEST_CASE("a declaration's types and numbers become a map's sizes") {
  const auto image = objects::compile("loader_globals.bpf.c");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* hash = objects::map(*object, "by_protocol");
  REQUIRE(hash != nullptr);
  check_sizes(hash->spec, MapType::hash, 4, 16, 128);
  CHECK(hash->spec.flags == map_flag::no_prealloc);
  CHECK(hash->spec.btf_key_type != 0);
  CHECK(hash->spec.btf_value_type != 0);
  CHECK(hash->origin == Origin::declared);
  check_sizes(objects::map(*object, "per_cpu")->spec, MapType::percpu_array, 4, 24, 4);
  check_sizes(objects::map(*object, "events")->spec, MapType::ringbuf, 0, 0, 8192);  // 5000 raised to two pages
}

TEST_CASE("sections of variables become arrays of one element that hold their initial values") {
  const auto image = objects::compile("loader_globals.bpf.c");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* rodata = objects::map(*object, ".rodata");
  REQUIRE(rodata != nullptr);
  check_sizes(rodata->spec, MapType::array, 4, 12, 1);
  CHECK(rodata->spec.flags == (map_flag::rdonly_prog | map_flag::mmapable));
  CHECK(rodata->origin == Origin::rodata);
  const auto* tuning = objects::map(*object, ".data.tuning");
  REQUIRE(tuning != nullptr);
  REQUIRE(tuning->contents.size() == 4);
  int value = 0;
  std::memcpy(&value, tuning->contents.data(), sizeof value);
  CHECK(value == 7);
  CHECK(tuning->origin == Origin::data);
  const auto* bss = objects::map(*object, ".bss");
  REQUIRE(bss != nullptr);
  check_sizes(bss->spec, MapType::array, 4, 16, 1);
  CHECK(bss->contents.empty());
  CHECK(bss->origin == Origin::bss);
}

TEST_CASE("each variable of a section is known by name, place and type") {
  const auto image = objects::compile("loader_globals.bpf.c");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* rodata = objects::map(*object, ".rodata");
  REQUIRE(rodata != nullptr);
  REQUIRE(rodata->variables.size() == 2);
  CHECK(rodata->variables[0].name == "limit");
  CHECK(rodata->variables[0].bytes == 4);
  CHECK(rodata->variables[1].name == "port_table");
  CHECK(rodata->variables[1].offset == 4);
  CHECK(rodata->variables[1].bytes == 8);
  CHECK(rodata->variables[1].btf_type != 0);
  std::uint32_t limit = 0;
  std::memcpy(&limit, rodata->contents.data() + rodata->variables[0].offset, sizeof limit);
  CHECK(limit == 1500);
  CHECK(objects::map(*object, ".bss")->variables.size() == 2);
}

TEST_CASE("static initialisers say which map or program lies in which slot") {
  const auto image = objects::compile("loader_slots.bpf.c");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(objects::map(*object, "outer")->slots == Names{"inner_a", "", "inner_b"});
  CHECK(objects::map(*object, "jumps")->slots == Names{"", "tail_one", "", "tail_two"});
  CHECK(objects::map(*object, "inner_a")->slots.empty());
}

TEST_CASE("a map of maps says what the maps inside look like") {
  const auto image = objects::compile("loader_slots.bpf.c");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* by_name = objects::map(*object, "by_name");
  REQUIRE(by_name != nullptr);
  check_sizes(by_name->spec, MapType::hash_of_maps, 4, 4, 4);
  REQUIRE(by_name->spec.inner != nullptr);
  check_sizes(*by_name->spec.inner, MapType::hash, 8, 1, 16);
  CHECK(by_name->spec.inner->name == "by_name.inner");
}

TEST_CASE("old map definitions of 20, 28 and 36 bytes say the same") {
  for (const char* extra : {"0", "2", "4"}) {
    CAPTURE(extra);
    const auto image = objects::compile("loader_legacy.bpf.c", std::string("-DEXTRA=") + extra);
    if (!image) return;
    const auto object = open(*image);
    REQUIRE_MESSAGE(object.has_value(), object.error().message());
    REQUIRE(object->maps.size() == 2);
    check_sizes(object->maps[0].spec, MapType::hash, 4, 8, 32);
    check_sizes(object->maps[1].spec, MapType::array, 4, 2, 3);
    CHECK(object->maps[1].spec.flags == map_flag::mmapable);
    CHECK(object->maps[0].origin == Origin::legacy);
    CHECK(object->notes.size() == 2);  // the old definitions, and xdp/legacy read as xdp
    const program::Program& look = *object->programs.at(0);
    CHECK(look.type == ProgType::xdp);
    std::vector<std::int32_t> used;
    for (const Insn& insn : look.insns)
      if (insn.opcode == 0x18 && insn.src == 1) used.push_back(insn.imm);
    CHECK(used == std::vector<std::int32_t>{0, 1});
  }
}

TEST_CASE("fields past the known ones of an old definition are noted when they are not zero") {
  const auto image = objects::compile("loader_legacy.bpf.c", "-DEXTRA=2 -DFILL=9");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->notes.size() == 3);
}

/// Old definitions by iproute2's names, with what the rest of a file needs.
constexpr const char* kIproute2 = R"(
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  struct bpf_elf_map {
    __u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx;
  };
)";

TEST_CASE("iproute2's definitions say what is pinned, which maps are inside, and where programs go") {
  const auto image = objects::compile_text("iproute2.c", std::string(kIproute2) + R"(
    struct bpf_elf_map SEC("maps") jumps = {
        .type = BPF_MAP_TYPE_PROG_ARRAY, .size_key = 4, .size_value = 4, .max_elem = 8, .id = 5, .pinning = 1};
    struct bpf_elf_map SEC("maps") outer = {
        .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .size_key = 4, .size_value = 4, .max_elem = 4, .inner_id = 7};
    struct bpf_elf_map SEC("maps") inside = {
        .type = BPF_MAP_TYPE_ARRAY, .size_key = 4, .size_value = 16, .max_elem = 3, .id = 7, .inner_idx = 2};
    SEC("5/0") int zero(struct __sk_buff* skb) { return 0; }
    SEC("5/0x3") int three(struct __sk_buff* skb) { return 3; }
    SEC("5/8") int past(struct __sk_buff* skb) { return 8; }
    SEC("classifier") int enter(struct __sk_buff* skb) { bpf_tail_call(skb, &jumps, 3); return 1; }
  )");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* jumps = objects::map(*object, "jumps");
  REQUIRE(jumps != nullptr);
  CHECK(jumps->spec.pinned_by_name);
  CHECK(jumps->id == 5);
  CHECK(jumps->slots == Names{"zero", "", "", "three"});
  const auto* outer = objects::map(*object, "outer");
  REQUIRE(outer != nullptr);
  REQUIRE(outer->spec.inner != nullptr);
  check_sizes(*outer->spec.inner, MapType::array, 4, 16, 3);
  CHECK(outer->slots == Names{"", "", "inside"});
  CHECK_FALSE(outer->spec.pinned_by_name);
}

TEST_CASE("the samples' definitions name the inner map by its number and a NUMA node") {
  const auto image = objects::compile_text("samples.c", R"(
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct old_map { __u32 type, key, value, entries, flags, inner_map_idx, numa_node; };
    struct old_map SEC("maps") plain = {BPF_MAP_TYPE_HASH, 4, 8, 32, BPF_F_NUMA_NODE, 0, 1};
    struct old_map SEC("maps") inside = {BPF_MAP_TYPE_ARRAY, 4, 2, 5};
    struct old_map SEC("maps") outer = {BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 6, 0, 1};
    SEC("xdp") int look(struct xdp_md* ctx) { return !bpf_map_lookup_elem(&plain, ctx); }
  )");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(objects::map(*object, "plain")->spec.numa_node == 1);
  CHECK(objects::map(*object, "plain")->id == 0);
  const auto* outer = objects::map(*object, "outer");
  REQUIRE(outer->spec.inner != nullptr);
  check_sizes(*outer->spec.inner, MapType::array, 4, 2, 5);
}

TEST_CASE("an old map's key and value have the types that BPF_ANNOTATE_KV_PAIR gives") {
  const auto image = objects::compile_text("annotated.c", R"(
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct old_map { __u32 type, key, value, entries, flags; };
    struct flow { __u32 source, target; };
    struct old_map SEC("maps") flows = {BPF_MAP_TYPE_HASH, 8, 4, 32};
    struct ____btf_map_flows { struct flow key; __u32 value; };
    struct ____btf_map_flows __attribute__((section(".maps.flows"), used)) ____btf_map_flows = {};
    SEC("xdp") int look(struct xdp_md* ctx) { return !bpf_map_lookup_elem(&flows, ctx); }
  )");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const MapSpec& flows = objects::map(*object, "flows")->spec;
  CHECK(object->btf->type(flows.btf_key_type).name == "flow");
  CHECK(flows.btf_value_type != 0);
}

TEST_CASE("a static declaration is taken for a map, with a note") {
  const auto image = objects::compile_text("static_map.c", R"(
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, int); __type(value, int); __uint(max_entries, 1); }
        open_map SEC(".maps");
    static struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, int); __type(value, long); __uint(max_entries, 2); }
        closed_map SEC(".maps");
    SEC("xdp") int look(struct xdp_md* ctx) {
      int key = 0;
      return bpf_map_lookup_elem(&open_map, &key) && bpf_map_lookup_elem(&closed_map, &key);
    }
  )");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->notes == Names{"map closed_map: is static, taken for a map like the others"});
  REQUIRE(object->maps.size() == 2);
  CHECK(object->maps[1].spec.name == "closed_map");
  std::vector<std::int32_t> used;
  for (const Insn& insn : object->programs.at(0)->insns)
    if (insn.opcode == 0x18) used.push_back(insn.imm);
  CHECK(used == std::vector<std::int32_t>{0, 1});
}

constexpr const char* kArena = R"(
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  #define __arena __attribute__((address_space(1)))
  struct { __uint(type, 33); __uint(map_flags, 1 << 10); __uint(max_entries, PAGES); enum { extra = 1ull << 44 } map_extra; }
      arena SEC(".maps");
  int __arena first = 7;
  long __arena table[TABLE] = {1, 2};
  SEC("syscall") int count(void* ctx) { int key = 0; return first + table[1] + !bpf_map_lookup_elem(&arena, &key); }
)";

TEST_CASE("a declaration of another object's map is left out with a note, and its users are in need of it") {
  const auto image = objects::compile_text("extern_map.c", R"(
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct map { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, int); __type(value, int); __uint(max_entries, 1); };
    struct map mine SEC(".maps");
    extern struct map theirs SEC(".maps");
    SEC("xdp") int look(struct xdp_md* ctx) { int key = 0; return !bpf_map_lookup_elem(&theirs, &key); }
  )");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  REQUIRE(object->maps.size() == 1);
  CHECK(object->maps[0].spec.name == "mine");
  CHECK(object->notes == Names{"map theirs: is declared by another object, link with that one"});
  CHECK_FALSE(object->programs.at(0)->needs.empty());
}

TEST_CASE("variables in an arena are its first bytes, and programs load their place in the map") {
  const auto image = objects::compile_text("arena.c", kArena, "-DPAGES=2 -DTABLE=2 -mcpu=v4");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  REQUIRE(object->maps.size() == 1);
  const loader::MapDef& arena = object->maps[0];
  check_sizes(arena.spec, MapType::arena, 0, 0, 2);
  CHECK(arena.spec.map_extra == std::uint64_t{1} << 44);
  CHECK(arena.spec.flags == map_flag::mmapable);
  REQUIRE(arena.variables.size() == 2);
  const loader::GlobalVar& table = arena.variables[1];
  CHECK(table.name == "table");
  CHECK(table.btf_type != 0);
  REQUIRE(arena.contents.size() == table.offset + table.bytes);
  CHECK(arena.contents[table.offset + 8] == std::byte{2});
  bool loads_table = false;
  for (const Insn* insn = object->programs.at(0)->insns.data(); insn->opcode != 0x95; ++insn)
    loads_table |= insn[0].opcode == 0x18 && insn[0].src == 2 && insn[1].imm == static_cast<int>(table.offset);
  CHECK(loads_table);
}

TEST_CASE("an arena that is too small for its variables is refused") {
  const auto image = objects::compile_text("arena.c", kArena, "-DPAGES=1 -DTABLE=4096 -mcpu=v4");
  if (!image) return;
  const auto object = open(*image);
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().message() ==
        "elf: section .addr_space.1: holds 32776 bytes of variables, arena arena has 1 pages");
}

}  // namespace
}  // namespace skep
