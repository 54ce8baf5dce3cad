// Maps out of objects that clang makes: declared, old-style, global variables, static initialisers.
#include <doctest/doctest.h>

#include <cstring>

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

}  // namespace
}  // namespace skep
