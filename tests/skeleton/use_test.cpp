// A skeleton from open to run: what is set in its structs is what the programs see.
#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <type_traits>

#include "globals.skel.hpp"
#include "struct_ops.skel.hpp"
#include "tracing.skel.hpp"

template <class Program, class Thing>
concept RunsOn = requires(const Program& program, Thing& thing) {
  program.run(thing);
};

TEST_CASE("constants are set, the object is loaded and run, and its variables are read back") {
  auto open = globals_bpf::open();
  REQUIRE_MESSAGE(open.has_value(), open.error().message());
  CHECK(open->rodata->debug == 3);
  CHECK(open->data->counter == 40);
  CHECK(open->data->mode == globals_bpf::types::mode_on);
  open->rodata->debug = 1000;
  open->rodata->loud = true;
  open->data->limits.low = 0;
  REQUIRE(open->maps.sized.set_max_entries(8));

  auto skeleton = open->load();
  REQUIRE_MESSAGE(skeleton.has_value(), skeleton.error().message());
  skep::XdpPacket packet(std::vector<std::byte>(64));
  CHECK(skeleton->progs.sum.run(packet).value == 41 + 1000 + 11 + 5 + 7 + 0 + 1);
  CHECK(skeleton->bss->hits == 1);
  CHECK(skeleton->data->counter == 41);
  CHECK(skeleton->data_custom->custom == 5);
  CHECK(std::string(skeleton->data->name) == "eth0");
  CHECK(skeleton->maps.sized.spec().max_entries == 8);
  CHECK(skeleton->maps.sized.lookup<std::uint64_t>(7u) == 0u);
  CHECK(open->load().error().sys == EBUSY);
}

TEST_CASE("after load the compiler refuses to write constants, and configuration always") {
  CHECK(std::is_same_v<decltype(globals_bpf::Open::rodata), globals_bpf::types::rodata_section*>);
  CHECK(std::is_same_v<decltype(globals_bpf::Skeleton::rodata), const globals_bpf::types::rodata_section*>);
  CHECK(std::is_same_v<decltype(globals_bpf::Open::kconfig), const globals_bpf::types::kconfig_section*>);
  const auto skeleton = globals_bpf::load({.externs = {{"CONFIG_NUMBER", std::uint64_t{5}}}});
  REQUIRE(skeleton);
  CHECK(skeleton->kconfig->CONFIG_NUMBER == 5);
}

TEST_CASE("programs are built as their autoload says; one that was not ends at once") {
  auto open = globals_bpf::open();
  REQUIRE(open);
  CHECK_FALSE(open->progs.optional.autoload());
  REQUIRE(open->progs.sum.set_autoload(false));
  const auto skeleton = open->load();
  REQUIRE(skeleton);
  skep::XdpPacket packet(std::vector<std::byte>(64));
  CHECK_FALSE(skeleton->progs.sum);
  CHECK(skeleton->progs.sum.run(packet).fault_kind() == skep::FaultKind::unresolved);
  CHECK(skeleton->progs.use_sized);
  CHECK(skeleton->progs.use_sized.run(packet).value == 1);
  static_assert(!RunsOn<decltype(skeleton->progs.sum), skep::RawContext> &&
                !RunsOn<decltype(skeleton->progs.sum), std::uint64_t>);
}

TEST_CASE("a section that got more room is found anew, and one that is left out is null") {
  auto open = globals_bpf::open();
  REQUIRE(open);
  REQUIRE(open->maps.data_table.set_value_size(800));
  open->find_sections();
  auto table = *open->object.global<std::array<int, 200>>("table");
  table[150] = 77;
  open->object.global<std::array<int, 200>>("table") = table;
  REQUIRE(open->maps.data_custom.set_autocreate(false));
  REQUIRE(open->progs.sum.set_autoload(false));
  const auto skeleton = open->load();
  REQUIRE_MESSAGE(skeleton.has_value(), skeleton.error().message());
  CHECK(skeleton->data_custom == nullptr);
  skep::XdpPacket packet(std::vector<std::byte>(64), {.rx_queue_index = 150});
  CHECK(skeleton->progs.index_table.run(packet).value == 77);
}

TEST_CASE("a copy means the same object, which lives as long as one of them") {
  std::optional<globals_bpf::Skeleton> kept;
  {
    const auto skeleton = globals_bpf::load();
    REQUIRE(skeleton);
    kept = *skeleton;
    skeleton->data->counter = 1;
  }
  CHECK(kept->data->counter == 1);
}

TEST_CASE("what a struct_ops map begins with is a struct, until the object is loaded") {
  auto open = struct_ops_bpf::open();
  REQUIRE_MESSAGE(open.has_value(), open.error().message());
  REQUIRE(open->struct_ops.first != nullptr);
  CHECK(open->struct_ops.first->speed == 0x01020304);
  CHECK(std::string(open->struct_ops.first->name) == "first");
  CHECK(std::string(open->struct_ops.linked->name) == "linked");
  open->struct_ops.linked->speed = 77;
  const auto value = open->object.initial_value("linked");
  REQUIRE(value);
  CHECK(reinterpret_cast<const struct_ops_bpf::types::linked_value*>(value->data())->speed == 77);
  CHECK(open->object.initial_value("none").error().code == skep::ErrorCode::not_found);
}

TEST_CASE("programs that are not of packets run on structs") {
  struct Arguments {
    std::uint64_t first, second;
  };
  const auto skeleton = tracing_bpf::load();
  REQUIRE_MESSAGE(skeleton.has_value(), skeleton.error().message());
  Arguments arguments{40, 2};
  CHECK(skeleton->progs.add.run(arguments).value == 42);
  CHECK(skeleton->bss->seen == 42);
  CHECK(skeleton->progs.replace.run(arguments).ok());
  CHECK(arguments.first == 2);
  const Arguments constant{1, 2};
  CHECK(skeleton->progs.add.run(constant).value == 3);
  CHECK_FALSE(skeleton->progs.replace.run(constant).ok());
  std::array<std::byte, 16> bytes{};
  skep::RawContext raw{std::span(bytes)};
  CHECK(skeleton->progs.add.run(raw).value == 0);
}
