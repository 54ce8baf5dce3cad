// Type graphs that are put together and written: what goes in comes out, and of types that are the same one is left.
#include <doctest/doctest.h>

#include "btf/dedup.hpp"
#include "support/btf_builder.hpp"
#include "support/tools.hpp"

using namespace skep;
using btf::Graph;
using btf::Kind;
using btf::TypeId;
using testing::BtfBuilder;

namespace {

using Types = std::shared_ptr<const btf::Btf>;

Types parsed(const BtfBuilder& builder) {
  auto types = builder.parse();
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

Types written(Graph graph) {
  const auto bytes = std::move(graph).write({});
  REQUIRE(bytes.has_value());
  auto types = btf::Btf::parse(bytes->types);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

/// All graphs in one, without duplicates.
Types merged(const std::vector<Types>& graphs) {
  Graph graph;
  for (const Types& each : graphs) graph.add_all(*each);
  (void)graph.replace(btf::find_duplicates(graph));
  return written(std::move(graph));
}

std::string text_of(const btf::Btf& types) {
  std::string text;
  for (TypeId id = 1; id < types.size(); ++id) {
    const btf::Type& type = types.type(id);
    text += std::to_string(id) + " " + std::to_string(static_cast<int>(type.kind)) + " " + std::string(type.name) +
            " " + std::to_string(type.size) + " " + std::to_string(type.ref) + " " + std::to_string(type.count) + " " +
            std::to_string(type.index) + " " + std::to_string(type.linkage) + " " + std::to_string(type.component) +
            (type.kind_flag ? " flag" : "") + " " + std::to_string(type.int_encoding) + "." +
            std::to_string(type.int_bits) + "." + std::to_string(type.int_bit_offset) + "\n";
    for (const auto& each : types.members(type))
      text += "  " + std::string(each.name) + " " + std::to_string(each.type) + " " + std::to_string(each.bit_offset) +
              ":" + std::to_string(each.bit_size) + "\n";
    for (const auto& each : types.enumerators(type))
      text += "  " + std::string(each.name) + "=" + std::to_string(each.value) + "\n";
    for (const auto& each : types.parameters(type))
      text += "  (" + std::string(each.name) + ") " + std::to_string(each.type) + "\n";
    for (const auto& each : types.section_vars(type))
      text +=
          "  " + std::to_string(each.var) + " " + std::to_string(each.offset) + " " + std::to_string(each.size) + "\n";
  }
  return text;
}

/// One type of every kind.
BtfBuilder every_kind() {
  BtfBuilder b;
  const auto number = b.integer("int", 4, 1);
  b.add("bits", BtfBuilder::info(Kind::int_), 4, {2u << 24 | 3u << 16 | 5});
  const auto pointer = b.ref(Kind::ptr, number);
  b.array(number, 7);
  const auto whole = b.structure("s", 8, {{"a", number, 0}, {"", number, 32}});
  b.composite(Kind::union_, "u", 8, {{"p", pointer, 0}, {"f", number, 3, 5}}, true);
  b.add("e", BtfBuilder::info(Kind::enum_, 2) | BtfBuilder::kFlag, 4, {b.string("minus"), ~0u, b.string("one"), 1});
  b.add("big", BtfBuilder::info(Kind::enum64, 1), 8, {b.string("huge"), 1, 2});
  b.add("later", BtfBuilder::info(Kind::fwd) | BtfBuilder::kFlag, 0);
  b.ref(Kind::typedef_, whole, "t");
  b.ref(Kind::volatile_, b.ref(Kind::const_, b.ref(Kind::restrict_, pointer)));
  const auto proto = b.add("", BtfBuilder::info(Kind::func_proto, 2), number, {b.string("x"), number, 0, 0});
  const auto function = b.add("f", BtfBuilder::info(Kind::func, 1), proto);
  const auto variable = b.add("v", BtfBuilder::info(Kind::var), number, {1});
  b.add(".data", BtfBuilder::info(Kind::datasec, 1), 4, {variable, 0, 4});
  b.add("double", BtfBuilder::info(Kind::float_), 8);
  b.add("tag", BtfBuilder::info(Kind::decl_tag), function, {0});
  b.add("typetag", BtfBuilder::info(Kind::type_tag), number);
  return b;
}

}  // namespace

TEST_CASE("every kind of type is written as it was read") {
  const Types types = parsed(every_kind());
  Graph graph;
  CHECK(graph.add_all(*types) == 1);
  CHECK(graph.size() == types->size());
  CHECK(text_of(*written(graph)) == text_of(*types));
}

TEST_CASE("the kernel's own types are written as they were read") {
  const auto bytes = tools::read_file("/sys/kernel/btf/vmlinux");
  if (!bytes) {
    MESSAGE("SKIP: no /sys/kernel/btf/vmlinux");
    return;
  }
  const auto types = btf::Btf::parse(*bytes);
  REQUIRE(types.has_value());
  Graph graph;
  graph.add_all(**types);
  CHECK(text_of(*written(graph)) == text_of(**types));
}

TEST_CASE("types that come twice stay once, but for variables and sections") {
  const Types types = parsed(every_kind());
  const Types both = merged({types, types});
  std::size_t apart = 0;
  for (TypeId id = 1; id < types->size(); ++id)
    apart += types->type(id).kind == Kind::var || types->type(id).kind == Kind::datasec;
  CHECK(apart == 2);
  CHECK(both->size() == types->size() + apart);
}

TEST_CASE("cycles that are the same stay once, cycles that differ in one place both stay whole") {
  const auto cycle = [](std::uint32_t bytes_of_last) {
    BtfBuilder b;  // a → pointer → b → pointer → a
    b.structure("a", 8, {{"b", 2, 0}});
    b.ref(Kind::ptr, 3);
    b.structure("b", 16, {{"a", 4, 0}, {"n", 5, 64}});
    b.ref(Kind::ptr, 1);
    b.integer("n", bytes_of_last);
    return parsed(b);
  };
  CHECK(merged({cycle(4), cycle(4)})->size() == 6);
  CHECK(merged({cycle(4), cycle(8)})->size() == 11);
}

TEST_CASE("a long chain of pointers is told from one that ends otherwise") {
  BtfBuilder b;
  const auto one = b.integer("one", 4), two = b.integer("two", 4);
  auto left = one, right = two;
  for (int i = 0; i < 200; ++i) {
    left = b.ref(Kind::ptr, left);
    right = b.ref(Kind::ptr, right);
  }
  const auto same = b.ref(Kind::ptr, one);
  const Types types = parsed(b);
  Graph graph;
  graph.add_all(*types);
  const auto to = btf::find_duplicates(graph);
  CHECK(to[left] == left);
  CHECK(to[right] == right);
  CHECK(to[same] == 3);
}

TEST_CASE("a forward declaration is what its name means, when that is one thing") {
  const auto make = [](bool whole_a, bool whole_b, std::uint32_t size_of_b) {
    BtfBuilder b;
    if (whole_a)
      b.structure("a", 8, {{"b", 2, 0}});
    else
      b.add("a", BtfBuilder::info(Kind::fwd), 0);
    b.ref(Kind::ptr, 3);
    if (whole_b)
      b.structure("b", size_of_b, {{"a", 4, 0}});
    else
      b.add("b", BtfBuilder::info(Kind::fwd), 0);
    b.ref(Kind::ptr, 1);
    return parsed(b);
  };
  // Each knows the other only by name; together, and with one that knows both, there are two structs and two pointers.
  CHECK(merged({make(true, false, 8), make(false, true, 8)})->size() == 5);
  CHECK(merged({make(true, false, 8), make(false, true, 8), make(true, true, 8)})->size() == 5);
  // Two different structs b, and no struct around the declaration: then nobody can say which one is meant.
  const Types apart = merged({make(false, false, 8), make(true, true, 16), make(true, true, 24)});
  CHECK(apart->find(Kind::fwd, "b") != 0);
  CHECK(apart->size() == 1 + 4 + 4 + 4);
  // A union of the name is no struct of it.
  BtfBuilder unions;
  unions.composite(Kind::union_, "a", 8, {});
  CHECK(merged({make(false, false, 8), parsed(unions)})->find(Kind::fwd, "a") != 0);
}

TEST_CASE("a forward declaration is what stands in its place in a struct that is otherwise the same") {
  // User u of a struct s that is only declared, has 4, or has 8 bytes; and a function that takes an s.
  constexpr std::uint32_t kDeclared = 0;
  const auto file = [](std::string_view user, std::uint32_t bytes_of_s, std::string_view function = "") {
    BtfBuilder b;
    b.structure(user, 8, {{"p", 2, 0}});
    b.ref(Kind::ptr, 3);
    if (bytes_of_s == kDeclared)
      b.add("s", BtfBuilder::info(Kind::fwd), 0);
    else
      b.structure("s", bytes_of_s, {});
    if (!function.empty())
      b.add(function, BtfBuilder::info(Kind::func, 1),
            b.add("", BtfBuilder::info(Kind::func_proto, 1), 0, {b.string("x"), 2}));
    return parsed(b);
  };
  const auto size_behind = [](const btf::Btf& types, TypeId pointer) {
    return types.type(types.type(pointer).ref).size;
  };
  const Types four = merged({file("u", kDeclared, "take"), file("u", 4), file("other", 8)});
  CHECK(four->find(Kind::fwd, "s") == 0);
  CHECK(four->size() == 1 + 3 + 3 + 2);
  const btf::Type proto = four->type(four->type(four->find(Kind::func, "take")).ref);
  CHECK(size_behind(*four, four->parameters(proto)[0].type) == 4);
  const Types eight = merged({file("u", 4), file("other", kDeclared), file("other", 8)});
  CHECK(eight->find(Kind::fwd, "s") == 0);
  CHECK(size_behind(*eight, eight->members(eight->type(eight->find(Kind::struct_, "other")))[0].type) == 8);
  // One place says four, another eight: the declarations of two files need not be the same.
  const Types both = merged({file("u", 4), file("other", 8), file("u", kDeclared), file("other", kDeclared)});
  CHECK(both->size() == 1 + 3 + 3);
}

TEST_CASE("structs that would take too long to compare by their places stay apart, in bounded work") {
  const auto left_of = [](std::uint32_t structs) {
    BtfBuilder b;
    const auto declared = b.add("s", BtfBuilder::info(Kind::fwd), 0), pointer = b.ref(Kind::ptr, declared);
    const auto one = b.structure("s", 4, {}), to_one = b.ref(Kind::ptr, one);
    b.structure("s", 8, {});
    for (std::uint32_t i = 0; i < structs; ++i)  // alike but for what they hold last
      b.structure("many", 16, {{"p", pointer, 0}, {"n", b.ref(Kind::ptr, b.integer("n" + std::to_string(i), 4)), 64}});
    b.structure("last", 8, {{"p", pointer, 0}});
    b.structure("last", 8, {{"p", to_one, 0}});
    return merged({parsed(b)});
  };
  CHECK(left_of(10)->find(Kind::fwd, "s") == 0);
  CHECK(left_of(6'000)->find(Kind::fwd, "s") == 1);
}

TEST_CASE("an empty enum is what its name means") {
  BtfBuilder declared, defined;
  declared.ref(Kind::ptr, 2);
  declared.add("e", BtfBuilder::info(Kind::enum_), 4);
  defined.add("e", BtfBuilder::info(Kind::enum_, 1), 4, {defined.string("one"), 1});
  const Types types = merged({parsed(declared), parsed(defined)});
  CHECK(types->size() == 3);
  CHECK(types->type(types->type(1).ref).vlen == 1);
}

TEST_CASE("types that are many and deep are left as they are, in bounded work") {
  BtfBuilder b;
  auto last = b.integer("int", 4);
  for (int i = 0; i < 60'000; ++i) last = b.ref(Kind::ptr, last);
  const Types types = parsed(b);
  Graph graph;
  graph.add_all(*types);
  const auto to = btf::find_duplicates(graph);
  bool all_apart = true;
  for (TypeId id = 1; id < graph.size(); ++id) all_apart = all_apart && to[id] == id;
  CHECK(all_apart);
}

TEST_CASE("a replaced type is referred to by its new number, a dropped one leaves none") {
  BtfBuilder b;
  const auto one = b.integer("one", 4), two = b.integer("two", 4);
  b.ref(Kind::ptr, two);
  b.array(one, 2);
  const Types types = parsed(b);
  Graph graph;
  graph.add_all(*types);
  const std::array<TypeId, 5> to = {0, 1, 1, 3, 4};
  const auto now = graph.replace(to);
  CHECK(now == std::vector<TypeId>{0, 1, 1, 2, 3});
  const Types after = written(graph);
  CHECK(after->size() == 4);
  CHECK(after->type(2).ref == 1);
  CHECK(after->type(3).count == 2);
}
