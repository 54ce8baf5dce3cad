// Objects between open and load: what the application changes is what is made.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include <cerrno>
#include <optional>

#include "support/objects.hpp"

using namespace skep;

namespace {

std::optional<OpenObject> open(const ObjectOptions& options = {}) {
  const auto image = objects::compile("api_globals.bpf.c");
  if (!image) return std::nullopt;
  auto object = OpenObject::open(*image, "api_globals.bpf.o", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return std::move(*object);
}

RunResult run(const Object& object, std::string_view name, std::uint32_t queue = 0) {
  const auto executable = Executable::build(*object.program(name));
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  XdpPacket packet(std::vector<std::byte>(64), {.rx_queue_index = queue});
  return executable->run(packet);
}

}  // namespace

TEST_CASE("maps are made as they were set, and cannot be set once they are") {
  const auto object = open();
  if (!object) return;
  const auto sized = object->map("sized");
  REQUIRE(sized);
  REQUIRE(sized->set_type(MapType::hash));
  REQUIRE(sized->set_max_entries(10));
  REQUIRE(sized->set_key_size(8));
  REQUIRE(sized->set_value_size(24));
  REQUIRE(sized->set_flags(map_flag::no_prealloc));
  REQUIRE(sized->set_numa_node(1));
  REQUIRE(object->map("events")->set_max_entries(5000));
  CHECK(object->map("events")->spec().max_entries == 8192);
  const auto loaded = object->load();
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error().message());
  const MapSpec& spec = loaded->map("sized")->spec();
  CHECK(spec.type == MapType::hash);
  CHECK(spec.max_entries == 10);
  CHECK(spec.key_size == 8);
  CHECK(spec.value_size == 24);
  CHECK(spec.flags == map_flag::no_prealloc);
  CHECK(spec.numa_node == 1);
  CHECK(loaded->map("sized")->update(std::uint64_t{1}, std::array<std::uint64_t, 3>{1, 2, 3}).has_value());
  CHECK(sized->set_max_entries(11).error().sys == EBUSY);
  CHECK(sized->set_autocreate(false).error().sys == EBUSY);
  CHECK(object->program("sum")->set_autoload(false).error().sys == EBUSY);
  CHECK(object->load().error().sys == EBUSY);
}

TEST_CASE("what cannot be made is an error of load, after which settings may be changed and load tried again") {
  const auto object = open();
  if (!object) return;
  REQUIRE(object->map("sized")->set_max_entries(0));
  CHECK(object->load().error().sys == EINVAL);
  REQUIRE(object->map("sized")->set_max_entries(1));
  CHECK(object->load().has_value());
}

TEST_CASE("the last array of a section takes the room that is given to it") {
  const auto object = open();
  if (!object) return;
  const auto section = object->map(".data.table");
  REQUIRE(section);
  object->global<std::array<int, 4>>("table") = {1, 2, 3, 4};
  REQUIRE(section->set_value_size(400));
  const auto table = object->variable("table");
  REQUIRE(table);
  CHECK(table->size() == 400);
  CHECK(table->declaration() == "int table[100]");
  auto values = *object->global<std::array<int, 100>>("table");
  CHECK(values[3] == 4);
  CHECK(values[99] == 0);
  values[99] = 99;
  object->global<std::array<int, 100>>("table") = values;
  const auto loaded = object->load();
  REQUIRE(loaded);
  CHECK(run(*loaded, "index_table", 99).value == 99);
  CHECK(run(*loaded, "index_table", 100).fault_kind() == FaultKind::bad_load);
}

TEST_CASE("a size that the last array does not fill loses the types, and what no longer fits is cut") {
  const auto object = open();
  if (!object) return;
  const auto section = object->map(".data.table");
  REQUIRE(section->spec().btf_value_type != 0);
  REQUIRE(section->set_value_size(7));
  CHECK(section->spec().btf_value_type == 0);
  CHECK(object->variable("table")->size() == 7);
  CHECK(object->map(".data")->set_value_size(4).has_value());
  CHECK(object->variable("name")->size() <= 4);
  CHECK(object->map(".rodata")->set_type(MapType::hash).error().sys == EOPNOTSUPP);
  CHECK(object->map(".kconfig")->set_value_size(64).error().sys == EOPNOTSUPP);
  CHECK(object->load().has_value());
}

TEST_CASE("a map that is left out poisons the instructions that name it, which may stay unrun") {
  const auto object = open();
  if (!object) return;
  REQUIRE(object->map("sized")->set_autocreate(false));
  const auto loaded = object->load();
  REQUIRE(loaded);
  CHECK_FALSE(loaded->map("sized")->lookup<std::uint64_t>(0u).has_value());
  CHECK(run(*loaded, "use_sized").value == 1);
  std::size_t poisoned = 0;
  for (const Insn& insn : loaded->program("use_sized")->insns())
    if (insn.opcode == 0x85 && insn.imm >= 2001000000 && insn.imm < 2001000100) ++poisoned;
  CHECK(poisoned == 2);  // both halves, as libbpf does it

  const auto again = open();
  REQUIRE(again->map("sized")->set_autocreate(false));
  again->global<int>("debug") = 4;
  const RunResult result = run(*again->load(), "use_sized");
  CHECK(result.fault_kind() == FaultKind::unresolved);
}

TEST_CASE("programs tell whether a skeleton builds them, and the application decides") {
  const auto object = open();
  if (!object) return;
  CHECK(object->program("sum")->autoload());
  CHECK_FALSE(object->program("optional")->autoload());
  REQUIRE(object->program("optional")->set_autoload(true));
  REQUIRE(object->program("sum")->set_autoload(false));
  const auto loaded = object->load();
  REQUIRE(loaded);
  CHECK(loaded->program("optional")->autoload());
  CHECK_FALSE(loaded->program("sum")->autoload());
  CHECK(run(*loaded, "optional").value == 9);
}

TEST_CASE("all that an object has can be listed and found by name while it is open") {
  const auto object = open();
  if (!object) return;
  CHECK(object->name() == "api_globals.bpf.o");
  CHECK(object->license() == "GPL");
  CHECK(object->maps().size() == 9);
  CHECK(object->programs().size() == 5);
  CHECK(object->map("sized")->spec().max_entries == 4);
  CHECK_FALSE(object->map("sized")->holds_globals());
  CHECK(object->map(".bss")->holds_globals());
  CHECK(object->map("nope").error().code == ErrorCode::not_found);
  CHECK(object->program("nope").error().code == ErrorCode::not_found);
  CHECK(object->map("sized")->set_inner({}).error().sys == EINVAL);
}

TEST_CASE("sections of globals count towards the memory that all maps may take") {
  const auto image = objects::compile("api_globals.bpf.c");
  if (!image) return;
  CHECK(OpenObject::open(*image, "o", {.max_map_bytes = 16}).error().sys == ENOMEM);
}
