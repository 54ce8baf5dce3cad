// Global variables read and written by name. What the programs return is the oracle: they read the same memory.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "support/objects.hpp"

using namespace skep;
using objects::Image;

namespace {

enum class Mode2 : std::uint32_t { off, on = 7 };
struct Limits {
  std::uint32_t low;
  std::uint64_t high;
};

std::optional<OpenObject> open(const ObjectOptions& options = {}) {
  const auto image = objects::compile("api_globals.bpf.c");
  if (!image) return std::nullopt;
  auto object = OpenObject::open(*image, "api_globals.bpf.o", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return std::move(*object);
}

std::optional<Object> load(const ObjectOptions& options = {}) {
  const auto opened = open(options);
  if (!opened) return std::nullopt;
  auto object = opened->load();
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return *object;
}

std::uint64_t run(const Object& object, std::string_view name) {
  const auto executable = Executable::build(*object.program(name));
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  XdpPacket packet(std::vector<std::byte>(64));
  const RunResult result = executable->run(packet);
  REQUIRE(result.ok());
  return result.value;
}

}  // namespace

TEST_CASE("variables of every kind read as the program's source gives them") {
  const auto object = load();
  if (!object) return;
  CHECK(*object->global<int>("debug") == 3);
  CHECK_FALSE(*object->global<bool>("loud"));
  CHECK(*object->global<std::uint64_t>("wide") == 0x1122334455667788);
  CHECK(*object->global<Mode2>("mode") == Mode2::on);
  CHECK(*object->global<int>("mode") == 7);
  CHECK(std::string((*object->global<std::array<char, 16>>("name")).data()) == "eth0");
  CHECK((*object->global<Limits>("limits")).high == 2);
  CHECK(*object->global<std::uint32_t>("custom") == 5);
  CHECK(*object->global<int>("hidden") == 11);
  CHECK(*object->global<std::uint32_t>("hits") == 0);
  CHECK(*object->global<int>("twice_a.same") == 1);
}

TEST_CASE("what the application writes the program reads, and the other way round") {
  const auto object = load();
  if (!object) return;
  CHECK(run(*object, "sum") == 40 + 3 + 11 + 5 + 7 + 1 + 1);
  object->global<int>("counter") = 100;
  REQUIRE(object->global<std::uint32_t>("custom").set(0));
  CHECK(run(*object, "sum") == 100 + 3 + 11 + 0 + 7 + 1 + 2);
  CHECK(object->global<std::uint32_t>("hits").get() == 2u);
}

TEST_CASE("constants can be set between open and load, and by nobody afterwards") {
  const auto opened = open();
  if (!opened) return;
  opened->global<int>("debug") = 1000;
  const auto handle = opened->global<bool>("loud");
  handle = true;
  const auto object = opened->load();
  REQUIRE(object);
  CHECK(run(*object, "sum") == 41 + 1000 + 11 + 5 + 7 + 1 + 1);
  const auto refused = handle.set(false);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().sys == EPERM);
  CHECK(refused.error().message() == "variable loud: lies in .rodata, which is frozen");
  CHECK(object->global<int>("debug").set(1).error().sys == EPERM);
  const std::vector<std::byte> bytes(object->map(".rodata")->spec().value_size);
  CHECK(object->map(".rodata")
            ->update(std::as_bytes(std::span<const std::uint32_t, 1>(std::array{0u})), bytes)
            .error()
            .sys == EPERM);
  CHECK(*handle);
}

TEST_CASE("configuration reads as a variable and is never written as one") {
  const auto opened = open({.externs = {{"CONFIG_NUMBER", std::uint64_t{77}}}});
  if (!opened) return;
  CHECK(*opened->global<int>("CONFIG_NUMBER") == 77);
  CHECK(opened->global<int>("CONFIG_NUMBER").set(1).error().sys == EPERM);
  CHECK(run(*opened->load(), "number") == 77);
}

TEST_CASE("a variable is taken only for its own size, kind and sign") {
  const auto object = load();
  if (!object) return;
  const auto refuses = [](const auto& global) { return !global && global.error().sys == EINVAL; };
  CHECK(refuses(object->global<std::int64_t>("counter")));
  CHECK(refuses(object->global<std::uint32_t>("counter")));
  CHECK(refuses(object->global<std::int32_t>("hits")));
  CHECK(refuses(object->global<float>("hits")));
  CHECK(refuses(object->global<bool>("plain")));
  CHECK(refuses(object->global<std::int8_t>("loud")));
  CHECK(refuses(object->global<std::uint64_t>("limits")));
  CHECK(object->global<std::uint8_t>("loud").has_value());
  CHECK(object->global<char>("plain").has_value());
  CHECK(object->global<std::array<std::byte, 4>>("counter").has_value());
  CHECK(object->global<std::int64_t>("counter").error().message() ==
        "variable counter: is int counter, 4 bytes; asked for as a signed integer of 8");
  CHECK(object->global<int>("nope").error().message() == "variable nope: api_globals.bpf.o has none of this name");
  CHECK(object->global<int>("nope").get().error().code == ErrorCode::not_found);
  CHECK(object->global<int>("nope").set(1).error().code == ErrorCode::not_found);
}

TEST_CASE("without types the size alone decides") {
  const auto image = objects::compile_text("plain.c", R"(
    int count = 2;
    __attribute__((section("xdp"))) int get(void *ctx) { return count; })",
                                           "-g0");
  if (!image) return;
  const auto object = Object::load(*image, "plain.o");
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(*object->global<unsigned>("count") == 2);
  CHECK(*object->global<int>("count") == 2);
  CHECK_FALSE(object->global<short>("count").has_value());
  CHECK(object->global<int>("count").variable().declaration() == "count");
}

TEST_CASE("a variable that two sections have is refused with both, and found by its section") {
  const auto image = objects::compile_text("twins.S", R"(
    .section xdp,"ax"
    .globl get
    .type get,@function
get:
    r0 = 1
    exit
    .size get, .-get
    .section .data.one,"aw"
    .long 7
    .type count,@object
    .size count, 4
count:
    .long 1
    .section .data.two,"aw"
    .globl other
    .type other,@object
    .size other, 4
other:
    .long 2
)");
  if (!image) return;
  // No compiler gives one file two such names, linking two files does.
  const std::string_view other = "other", count = "count";
  Image twins = *image;
  const auto at = std::search(twins.begin(), twins.end(), other.begin(), other.end(),
                              [](std::byte byte, char c) { return static_cast<char>(byte) == c; });
  REQUIRE(at != twins.end());
  std::memcpy(&*at, count.data(), count.size());
  const auto object = Object::load(twins, "twins.o");
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->global<int>("count").error().message() ==
        "variable count: there are 2: in .data.one at byte 4, in .data.two at byte 0");
  CHECK(object->variable("count", ".data.one")->offset() == 4);
  CHECK(object->variable("count", ".data.two")->read()->front() == std::byte{2});
}

TEST_CASE("every variable tells its section, place and declaration, and copies its bytes out") {
  const auto object = load();
  if (!object) return;
  const auto variables = object->variables();
  const auto find = [&](std::string_view name) -> const Variable& {
    const auto found =
        std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.name() == name; });
    REQUIRE(found != variables.end());
    return *found;
  };
  CHECK(find("debug").section() == ".rodata");
  CHECK(find("debug").declaration() == "const volatile int debug");
  CHECK(find("table").declaration() == "int table[4]");
  CHECK(find("hidden").local());
  CHECK_FALSE(find("counter").local());
  CHECK(find("custom").section() == ".data.custom");
  CHECK(find("name").read()->front() == std::byte{'e'});
  CHECK(find("name").write(std::vector<std::byte>(3)).error().sys == EINVAL);
  REQUIRE(find("name").write(std::vector<std::byte>(16, std::byte{'x'})));
  CHECK((*object->global<std::array<char, 16>>("name"))[15] == 'x');
}

TEST_CASE("a variable's handle keeps working when the object it came from is gone") {
  std::optional<Global<int>> counter;
  {
    const auto object = load();
    if (!object) return;
    counter.emplace(object->global<int>("counter"));
  }
  *counter = 5;
  CHECK(**counter == 5);
}
