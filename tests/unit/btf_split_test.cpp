// Split BTF: a part and its base read as one graph, as bpftool (libbpf) reads them, and a part that lies is refused.
#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "btf/btf.hpp"
#include "support/btf_builder.hpp"
#include "support/btf_dump.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::Btf;
using btf::Kind;
using testing::BtfBuilder;
using Types = std::shared_ptr<const Btf>;

/// A base with something in every table, and an empty struct at its end.
struct Base {
  BtfBuilder file;
  std::uint32_t integer = file.integer("int", 4, 1);
  std::uint32_t event = file.structure("event", 8, {{"when", integer, 0}, {"what", integer, 32}});
  std::uint32_t alias = file.ref(Kind::typedef_, event, "event_t");
  std::uint32_t color = file.add("color", BtfBuilder::info(Kind::enum_, 1), 4, {file.string("red"), 7});
  std::uint32_t proto = file.add("", BtfBuilder::info(Kind::func_proto, 1), integer, {file.string("arg"), integer});
  std::uint32_t variable = file.add("limit", BtfBuilder::info(Kind::var), integer, {1});
  std::uint32_t section = file.add(".data", BtfBuilder::info(Kind::datasec, 1), 4, {variable, 0, 4});
  std::uint32_t empty = file.structure("empty", 0, {});
  Types types = *file.parse();
};

/// A part that refers to the base's types and names, and adds to every table.
struct Part {
  explicit Part(const Base& base) : file(base.file, BtfBuilder::Split{}) {
    own = file.structure("own", 12, {{"in", base.alias, 0}, {"more", base.integer, 64}});
    file.add("shade", BtfBuilder::info(Kind::enum_, 2), 4, {file.string("light"), 1, file.string("dark"), 2});
    const auto proto = file.add("", BtfBuilder::info(Kind::func_proto, 2), own,
                                {file.string("a"), base.integer, file.string("b"), own});
    file.add("make", BtfBuilder::info(Kind::func) | 1, proto);
    const auto variable = file.add("state", BtfBuilder::info(Kind::var), own, {1});
    file.add(".bss", BtfBuilder::info(Kind::datasec, 1), 12, {variable, 0, 12});
    file.ref(Kind::ptr, base.empty);
  }
  BtfBuilder file;
  std::uint32_t own = 0;
};

std::string dump_own(const Btf& types) {
  std::string text;
  for (btf::TypeId id = types.base()->size(); id < types.size(); ++id) text += testing::dump_type(types, id);
  return text;
}

}  // namespace

TEST_CASE("a split part goes on where its base ends") {
  const Base base;
  const Part part(base);
  const auto types = Btf::parse(part.file.bytes(), base.types);
  REQUIRE_MESSAGE(types, types.error().what);
  const Btf& graph = **types;
  CHECK(graph.base() == base.types.get());
  CHECK(graph.size() == part.file.next());
  CHECK(part.own == base.types->size());
  CHECK(graph.size_of(part.own) == 12);
  CHECK(graph.strip(base.alias) == base.event);
  CHECK(graph.type(graph.size()).kind == Kind::void_);
  for (btf::TypeId id = 0; id < base.types->size(); ++id)
    CHECK(testing::dump_type(graph, id) == testing::dump_type(*base.types, id));
}

TEST_CASE("names are found in the part and in its base, the base's first") {
  const Base base;
  Part part(base);
  part.file.structure("event", 0, {});
  const Types types = *Btf::parse(part.file.bytes(), base.types);
  CHECK(types->find(Kind::struct_, "event") == base.event);
  CHECK(types->find(Kind::struct_, "own") == part.own);
  CHECK(types->find(Kind::union_, "own") == 0);
  CHECK(base.types->find(Kind::struct_, "own") == 0);
}

TEST_CASE("strings are counted from the base's first one") {
  const Base base;
  BtfBuilder split(base.file, BtfBuilder::Split{});
  const auto first = split.string("first");
  const auto named = split.structure("s", 0, {});
  const Types types = *Btf::parse(split.bytes(), base.types);
  CHECK(types->string_at(first) == "first");
  CHECK(types->string_at(0) == "");
  CHECK(types->string_at(1) == base.types->string_at(1));
  CHECK(types->type(named).name == "s");
  CHECK(!types->string_at(first + 100));

  // A part without strings of its own names its types by the base's.
  BtfBuilder nameless(base.file, BtfBuilder::Split{});
  auto bytes = (nameless.structure("", 0, {}), nameless.bytes());
  const std::uint32_t name = 1;
  std::memcpy(bytes.data() + 24, &name, sizeof name);
  const auto named_by_base = Btf::parse(bytes, base.types);
  REQUIRE_MESSAGE(named_by_base, named_by_base.error().what);
  CHECK((*named_by_base)->type(base.types->size()).name == *base.types->string_at(1));
}

TEST_CASE("a part on a part on a base reads as one graph") {
  const Base base;
  const Part part(base);
  BtfBuilder top(part.file, BtfBuilder::Split{});
  const auto mixed = top.structure("mixed", 20, {{"a", part.own, 0}, {"b", base.event, 96}});
  const Types middle = *Btf::parse(part.file.bytes(), base.types);
  const auto types = Btf::parse(top.bytes(), middle);
  REQUIRE_MESSAGE(types, types.error().what);
  CHECK((*types)->members((*types)->type(mixed)).size() == 2);
  CHECK((*types)->members((*types)->type(part.own))[1].name == "more");
  CHECK((*types)->find(Kind::enum_, "color") == base.color);
}

TEST_CASE("a split part is what bpftool reads on the same base") {
  if (!tools::have("bpftool")) {
    MESSAGE("SKIP: needs bpftool");
    return;
  }
  const Base base;
  const Part part(base);
  const Types types = *Btf::parse(part.file.bytes(), base.types);
  const tools::Scratch scratch;
  const auto write = [&](const char* name, const std::vector<std::byte>& bytes) {
    return scratch.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  const auto expected = tools::output_of("bpftool -B " + write("base", base.file.bytes()) + " btf dump file " +
                                         write("part", part.file.bytes()) + " format raw");
  REQUIRE(expected);
  CHECK(dump_own(*types) == *expected);
}

TEST_CASE("a split part on the running kernel's types costs what the part costs") {
  const auto kernel = tools::read_file("/sys/kernel/btf/vmlinux");
  if (!kernel) {
    MESSAGE("SKIP: needs /sys/kernel/btf/vmlinux");
    return;
  }
  const Types base = *Btf::parse(*kernel);
  const auto task = base->find(Kind::struct_, "task_struct");
  REQUIRE(task != 0);
  // By hand, because the builder knows only bases that it built: struct module_state { struct task_struct task; };
  const std::uint32_t strings_at = [&] {
    std::uint32_t length;
    std::memcpy(&length, kernel->data() + 20, sizeof length);
    return length;
  }();
  const std::string strings("module_state\0task\0", 18);
  const std::uint32_t size = *base->size_of(task);
  const std::uint32_t words[] = {0x0001eb9f, 24, 0, 24, 24, 18, strings_at, 0x04000001, size, strings_at + 13, task, 0};
  std::string file(reinterpret_cast<const char*>(words), sizeof words);
  file += strings;
  const auto types = Btf::parse(std::as_bytes(std::span(file)), base);
  REQUIRE_MESSAGE(types, types.error().what);
  CHECK((*types)->find(Kind::struct_, "task_struct") == task);
  CHECK((*types)->size_of((*types)->find(Kind::struct_, "module_state")) == size);
}

TEST_CASE("a part that refers past its own end, or stands on the wrong base, is refused") {
  const Base base;
  Part part(base);
  CHECK(!Btf::parse(part.file.bytes()));
  BtfBuilder small;
  small.integer("int", 4);
  CHECK(!Btf::parse(part.file.bytes(), *small.parse()));
  part.file.ref(Kind::ptr, part.file.next() + 1);
  CHECK(!Btf::parse(part.file.bytes(), base.types));
}

TEST_CASE("a part that nests too deep together with its base is refused") {
  BtfBuilder low;
  auto id = low.integer("int", 4);
  for (unsigned i = 0; i < btf::kMaxNesting / 2; ++i) id = low.ref(Kind::typedef_, id, "t");
  const Types base = *low.parse();
  BtfBuilder fits(low, BtfBuilder::Split{}), deep(low, BtfBuilder::Split{});
  auto last = id;
  for (unsigned i = 0; i < btf::kMaxNesting / 2 - 1; ++i) last = fits.ref(Kind::typedef_, last, "t");
  CHECK(Btf::parse(fits.bytes(), base));
  last = id;
  for (unsigned i = 0; i < btf::kMaxNesting / 2; ++i) last = deep.ref(Kind::typedef_, last, "t");
  const auto refused = Btf::parse(deep.bytes(), base);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::limit);
}

TEST_CASE("a part keeps its base alive") {
  Types types;
  std::uint32_t event = 0;
  {
    Base base;
    event = base.event;
    types = *Btf::parse(Part(base).file.bytes(), std::move(base.types));
  }
  CHECK(types->type(event).name == "event");
  CHECK(types->members(types->type(event))[0].name == "when");
}

}  // namespace skep
