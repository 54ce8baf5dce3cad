// struct_ops: variables in .struct_ops become maps, their members programs of a kernel's struct.
#include <doctest/doctest.h>

#include <cstring>
#include <random>

#include "btf/btf.hpp"
#include "loader/target_btf.hpp"
#include "support/objects.hpp"

namespace skep {
namespace {

using Types = std::shared_ptr<const btf::Btf>;

/// The types of loader_struct_ops_target.bpf.c; null where there is no compiler.
Types target_types() {
  const auto image = objects::compile("loader_struct_ops_target.bpf.c");
  if (!image) return nullptr;
  auto types = loader::parse_target_btf(*image, "target");
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

Result<loader::ObjectSpec> open(const objects::Image& image, const Types& target) {
  return loader::parse_object(image, "test.o", [&]() -> Result<Types> { return target; });
}

const loader::StructOps& ops_of(const loader::ObjectSpec& object, std::string_view map) {
  const loader::MapDef* def = objects::map(object, map);
  REQUIRE(def != nullptr);
  REQUIRE(def->struct_ops.has_value());
  return *def->struct_ops;
}

std::string needs_of(const loader::ObjectSpec& object, std::string_view program) {
  std::string all;
  for (const std::string& need : objects::program(object, program)->need_names()) all += need + "; ";
  return all;
}

/// The 4 bytes at an offset.
std::uint32_t word(const std::vector<std::byte>& bytes, std::size_t offset) {
  REQUIRE(offset + 4 <= bytes.size());
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TEST_CASE("each variable of a struct_ops section becomes a map behind all others") {
  const auto image = objects::compile("loader_struct_ops.bpf.c");
  if (!image) return;
  const auto object = open(*image, nullptr);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  REQUIRE(object->maps.size() == 3);
  const MapSpec& first = objects::map(*object, "first")->spec;
  CHECK(first.type == MapType::struct_ops);
  CHECK(first.key_size == 4);
  CHECK(first.value_size == 32);
  CHECK(first.max_entries == 1);
  CHECK(first.flags == 0);
  CHECK(first.btf_value_type != 0);
  CHECK(objects::map(*object, "linked")->spec.flags == map_flag::link);
  CHECK(objects::map(*object, "first")->autocreate);
  CHECK_FALSE(objects::map(*object, "on_demand")->autocreate);
}

TEST_CASE("a struct's plain members are its image and its functions are programs") {
  const auto image = objects::compile("loader_struct_ops.bpf.c");
  if (!image) return;
  const auto object = open(*image, nullptr);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const loader::MapDef& first = *objects::map(*object, "first");
  REQUIRE(first.contents.size() == 32);
  CHECK(word(first.contents, 8) == 0x01020304);
  CHECK(word(first.contents, 0) == 0);
  CHECK(std::memcmp(first.contents.data() + 24, "first", 6) == 0);
  const loader::StructOps& ops = *first.struct_ops;
  REQUIRE(ops.members.size() == 2);
  CHECK(ops.members[0].name == "start");
  CHECK(ops.members[0].program == "on_start");
  CHECK(ops.members[1].name == "stop");
  CHECK(ops.members[1].program == "on_stop");
  CHECK(ops.members[1].offset == 16);
}

TEST_CASE("without a target the programs need the kernel's struct") {
  const auto image = objects::compile("loader_struct_ops.bpf.c");
  if (!image) return;
  const auto object = open(*image, nullptr);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(needs_of(*object, "on_start") == "struct bpf_struct_ops_engine_ops; ");
  CHECK(objects::program(*object, "on_start")->attach_target == "engine_ops.start");
  CHECK(ops_of(*object, "first").kernel_value.empty());
}

TEST_CASE("the target's struct decides places, and programs learn what they attach to") {
  const auto image = objects::compile("loader_struct_ops.bpf.c");
  const Types target = target_types();
  if (!image || target == nullptr) return;
  const auto object = open(*image, target);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const loader::StructOps& ops = ops_of(*object, "first");
  CHECK(ops.problem.empty());
  CHECK(ops.kernel_type == target->find(btf::Kind::struct_, "engine_ops"));
  CHECK(ops.kernel_value_type == target->find(btf::Kind::struct_, "bpf_struct_ops_engine_ops"));
  CHECK(objects::map(*object, "first")->spec.value_size == 64);
  REQUIRE(ops.kernel_value.size() == 64);
  constexpr std::size_t kData = 16;  // of the struct inside bpf_struct_ops_engine_ops
  CHECK(word(ops.kernel_value, kData + 40) == 0x01020304);
  CHECK(std::memcmp(ops.kernel_value.data() + kData + 32, "first", 6) == 0);
  CHECK(ops.members[0].kernel_offset == kData + 16);
  REQUIRE(ops.copies.size() == 2);  // speed, name: what the application may still change
  CHECK(ops.copies[0].offset == 8);
  CHECK(ops.copies[0].kernel_offset == kData + 40);
  CHECK(ops.copies[0].bytes == 4);
  CHECK(ops.copies[1].offset == 24);
  CHECK(ops.copies[1].kernel_offset == kData + 32);
  const program::Program& start = *objects::program(*object, "on_start");
  CHECK(start.needs.empty());
  CHECK(start.expected_attach_type == 2);
  CHECK(start.attach_btf_id == ops.kernel_type);
  CHECK(objects::program(*object, "on_stop")->expected_attach_type == 1);
  CHECK(objects::program(*object, "on_stop")->sleepable);
}

TEST_CASE("a program is loaded when a map that is made takes it") {
  const auto image = objects::compile("loader_struct_ops.bpf.c");
  const Types target = target_types();
  if (!image || target == nullptr) return;
  const auto object = open(*image, target);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(objects::program(*object, "on_start")->autoload);
  CHECK_FALSE(objects::program(*object, "on_boost")->autoload);
  CHECK(needs_of(*object, "on_boost").empty());
  CHECK_FALSE(objects::program(*object, "unused")->autoload);
  CHECK(needs_of(*object, "unused") == "a struct_ops map that takes it; ");
}

TEST_CASE("a member that the target lacks may only be zero") {
  const Types target = target_types();
  for (const auto& [value, problem] :
       {std::pair("0", ""),
        std::pair("7", "struct engine_ops: member missing is set, the target has none of the name")}) {
    const auto image = objects::compile("loader_struct_ops.bpf.c", std::string("-DWRONG=") + value);
    if (!image || target == nullptr) return;
    const auto object = open(*image, target);
    REQUIRE_MESSAGE(object.has_value(), object.error().message());
    CHECK(ops_of(*object, "wrong").problem == problem);
    CHECK(ops_of(*object, "first").problem.empty());
    CHECK(objects::program(*object, "on_boost")->needs.empty() == (std::string(value) == "0"));
  }
}

TEST_CASE("a program in two members is in need") {
  const auto image = objects::compile("loader_struct_ops.bpf.c", "-DREUSE");
  const Types target = target_types();
  if (!image || target == nullptr) return;
  const auto object = open(*image, target);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(needs_of(*object, "on_start") ==
        "struct_ops map reused: takes it as engine_ops.stop, it is engine_ops.start already; ");
}

TEST_CASE("a program of another type in a struct_ops map is an error") {
  const auto image = objects::compile_text("wrong_type.c", R"(
    #define SEC(name) __attribute__((section(name), used))
    struct ops { int (*go)(void*); };
    SEC("xdp") int go(void* ctx) { return 0; }
    SEC(".struct_ops") struct ops mine = {.go = go};
  )");
  if (!image) return;
  const auto object = open(*image, nullptr);
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().message() ==
        "elf: section .struct_ops: relocation at byte 0 puts \"go\" into member go of map mine, which is no struct_ops "
        "program");
}

TEST_CASE("no flipped byte of object or target makes binding crash") {
  const auto image = objects::compile("loader_struct_ops.bpf.c");
  const auto target = objects::compile("loader_struct_ops_target.bpf.c");
  if (!image || !target) return;
  std::mt19937 random(20260202);
  std::size_t bound = 0, unbound = 0;
  for (int round = 0; round < 4000; ++round) {
    objects::Image object_bytes = *image, target_bytes = *target;
    objects::Image& bytes = round % 2 == 0 ? object_bytes : target_bytes;
    for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] ^= std::byte(1u << (random() % 8));
    const auto types = loader::parse_target_btf(target_bytes, "target");
    if (!types) continue;
    const auto object = open(object_bytes, *types);
    if (!object) continue;
    for (const loader::MapDef& def : object->maps)
      if (def.struct_ops) ++(def.struct_ops->kernel_type != 0 ? bound : unbound);
  }
  CHECK(bound > 100);
  CHECK(unbound > 100);
}

}  // namespace
}  // namespace skep
