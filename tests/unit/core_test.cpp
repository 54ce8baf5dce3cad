// CO-RE's own ground: names, poisoned instructions in a run, objects without a target, and types made to be expensive.
#include <doctest/doctest.h>

#include <skep/executable.hpp>
#include <skep/object.hpp>

#include "btf/core.hpp"
#include "support/btf_builder.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::CoreKind;
using btf::Kind;
using testing::BtfBuilder;

/// Struct types that nest `depth` deep, each with two members of the next, so that there are 2^depth ways down. Members
/// are anonymous unless named, and the last struct has one integer of its own.
std::shared_ptr<const btf::Btf> doubling_types(std::uint32_t depth, bool named, std::string_view last) {
  BtfBuilder builder;
  const auto integer = builder.integer("int", 4);
  auto inner = builder.structure(named ? "s" : "", 4, {{last, integer, 0}});
  for (std::uint32_t i = 0; i < depth; ++i)
    inner = builder.structure(i + 1 == depth ? "root" : (named ? "s" : ""), 8,
                              {{named ? "a" : "", inner, 0}, {named ? "b" : "", inner, 32}});
  auto types = builder.parse();
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

Result<btf::CoreAnswer> ask(const btf::Btf& local, const btf::Btf& target, btf::TypeId type, std::string_view access,
                            CoreKind kind) {
  const btf::CoreReloc reloc{.section = {}, .type = type, .access = access, .kind = static_cast<std::uint32_t>(kind)};
  const btf::CoreTarget types{.kernel = target};
  return btf::CoreResolver(local, {&type, 1}, types).resolve(reloc);
}

TEST_CASE("a flavour is what follows the last three underscores between two other characters") {
  CHECK(btf::essential_name("task_struct___v2") == "task_struct");
  CHECK(btf::essential_name("a___b___c") == "a___b");
  for (const std::string_view plain : {"", "task_struct", "a__b", "a____b", "___b", "a___", "_", "a_____b", "____"}) {
    CAPTURE(plain);
    CHECK(btf::essential_name(plain) == plain);
  }
}

TEST_CASE("answers stand for a type of the same name and kind, whatever its flavour") {
  BtfBuilder local, target;
  const auto number = local.integer("int", 4);
  const auto asked = local.structure("thing___mine", 4, {{"x", number, 0}});
  const auto other = target.integer("int", 4);
  target.composite(Kind::union_, "thing", 4, {{"x", other, 0}});
  target.structure("thing___theirs", 12, {{"before", other, 0}, {"x", other, 64}});
  const auto here = local.parse(), there = target.parse();
  const auto answer = ask(**here, **there, asked, "0:0", CoreKind::field_byte_offset);
  REQUIRE_MESSAGE(answer.has_value(), answer.error().message());
  CHECK(answer->local == 0);
  CHECK(answer->target == 8);
  CHECK_FALSE(answer->missing);
}

TEST_CASE("a path that leads nowhere in the object's own types is refused") {
  BtfBuilder local;
  const auto number = local.integer("int", 4);
  const auto four = local.array(number, 4);
  const auto asked = local.structure("thing", 20, {{"list", four, 0}, {"x", number, 128}});
  const auto types = local.parse();
  REQUIRE(types.has_value());
  for (const std::string_view access :
       {"", ":", "0:", "x", "0:2", "0:-1", "0:1:0", "0:0:4", "0::1", "99999999999", "2147483647:1"}) {
    CAPTURE(access);
    CHECK_FALSE(ask(**types, **types, asked, access, CoreKind::field_byte_offset).has_value());
  }
  std::string endless = "0";
  for (int i = 0; i < 64; ++i) endless += ":0";
  CHECK_FALSE(ask(**types, **types, asked, endless, CoreKind::field_byte_offset).has_value());
  CHECK_FALSE(ask(**types, **types, asked, "0", static_cast<CoreKind>(13)).has_value());
  CHECK_FALSE(ask(**types, **types, asked, "0:0", CoreKind::type_size).has_value());
  CHECK_FALSE(ask(**types, **types, asked, "0", CoreKind::enumval_value).has_value());
}

TEST_CASE("types with exponentially many ways through them end in an error, not in a long wait") {
  const auto wanted = [] {
    BtfBuilder builder;
    const auto number = builder.integer("int", 4);
    builder.structure("root", 4, {{"nowhere", number, 0}});
    return *builder.parse();
  }();
  const auto anonymous = doubling_types(60, false, "last");
  const auto field = ask(*wanted, *anonymous, 2, "0:0", CoreKind::field_exists);
  REQUIRE_FALSE(field.has_value());
  CHECK(field.error().code == ErrorCode::limit);

  const auto named = doubling_types(28, true, "x"), differing = doubling_types(28, true, "x");
  const auto root = named->find(Kind::struct_, "root");
  const auto match = ask(*named, *differing, root, "0", CoreKind::type_matches);
  REQUIRE_FALSE(match.has_value());
  CHECK(match.error().code == ErrorCode::limit);
  const auto deep = doubling_types(40, true, "x");
  CHECK_FALSE(ask(*deep, *deep, deep->find(Kind::struct_, "root"), "0", CoreKind::type_matches).has_value());
}

TEST_CASE("one resolver's questions share one allowance") {
  const auto wanted = doubling_types(1, true, "x");
  const auto anonymous = doubling_types(60, false, "last");
  const btf::CoreReloc reloc{.section = {}, .type = wanted->find(Kind::struct_, "root"), .access = "0:0", .kind = 2};
  const btf::CoreTarget types{.kernel = *anonymous};
  btf::CoreResolver resolver(*wanted, {&reloc.type, 1}, types);
  CHECK_FALSE(resolver.resolve(reloc).has_value());
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(resolver.resolve(reloc).has_value());
}

constexpr std::string_view kGuarded = R"(
struct gone { int x; } __attribute__((preserve_access_index));
__attribute__((section("socket"), used)) long guarded(struct gone* g) {
  if (__builtin_preserve_field_info(g->x, 2)) return g->x;
  return 77;
}
__attribute__((section("socket"), used)) long careless(struct gone* g) { return g->x; }
char l[] __attribute__((section("license"), used)) = "GPL";
)";

struct Opened {
  tools::Scratch scratch;
  Result<Object> object = fail(ErrorCode::not_found, "", "");
};

/// kGuarded against a target that has no struct gone; null where clang-19 is missing.
std::unique_ptr<Opened> open_guarded(bool with_target) {
  const auto image = objects::compile_text("guarded.bpf.c", kGuarded);
  if (!image) return nullptr;
  auto opened = std::make_unique<Opened>();
  BtfBuilder target;
  target.integer("int", 4);
  const auto types = target.bytes();
  ObjectOptions options;
  options.target_btf =
      with_target ? opened->scratch.write("target.btf", {reinterpret_cast<const char*>(types.data()), types.size()})
                  : "";
  opened->object = Object::load(*image, "guarded", options);
  return opened;
}

TEST_CASE("a poisoned instruction behind its guard does no harm; reached, it ends the run and says what is missing") {
  const auto opened = open_guarded(true);
  if (!opened) return;
  REQUIRE_MESSAGE(opened->object.has_value(), opened->object.error().message());
  RawContext context;
  for (const Mode mode : {Mode::guarded, Mode::unguarded}) {
    const BuildOptions options{.mode = mode, .host = {}, .helpers = {}};
    const auto guarded = Executable::build(*opened->object->program("guarded"), options);
    REQUIRE_MESSAGE(guarded.has_value(), guarded.error().message());
    CHECK(guarded->run(context).value == 77);
    const auto careless = Executable::build(*opened->object->program("careless"), options);
    REQUIRE_MESSAGE(careless.has_value(), careless.error().message());
    const RunResult result = careless->run(context);
    CHECK(result.fault_kind() == FaultKind::unresolved);
    CHECK(careless->explain(result.fault).find("gone::x (byte_off) [unresolved]") != std::string::npos);
  }
}

TEST_CASE("without target types an object opens, and its programs name what they ask for") {
  const auto opened = open_guarded(false);
  if (!opened) return;
  REQUIRE_MESSAGE(opened->object.has_value(), opened->object.error().message());
  CHECK(opened->object->program("careless")->needs() == std::vector<std::string>{"gone::x (byte_off)"});
  const auto built = Executable::build(*opened->object->program("careless"));
  REQUIRE_FALSE(built.has_value());
  CHECK(built.error().message().find("gone::x (byte_off)") != std::string::npos);
}

TEST_CASE("target types that cannot be read are an error that names their file") {
  const auto image = objects::compile_text("guarded.bpf.c", kGuarded);
  if (!image) return;
  const tools::Scratch scratch;
  ObjectOptions options;
  for (const std::string_view content : {"",
                                         "\x7f"
                                         "ELF",
                                         "neither ELF nor BTF at all"}) {
    options.target_btf = scratch.write("bad.btf", content);
    const auto object = Object::load(*image, "guarded", options);
    REQUIRE_FALSE(object.has_value());
    CHECK(object.error().message().find("bad.btf") != std::string::npos);
  }
  options.target_btf = "/no/such/file";
  CHECK(Object::load(*image, "guarded", options).error().code == ErrorCode::io);
}

}  // namespace
}  // namespace skep
