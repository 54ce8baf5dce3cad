// Linking: which symbol of several counts, what is refused and in which words, that linked programs run, and that no
// bytes do harm.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include <algorithm>
#include <array>
#include <random>

#include "btf/btf.hpp"
#include "elf/elf.hpp"
#include "elf/write.hpp"
#include "support/object_text.hpp"
#include "support/objects.hpp"

using namespace skep;

namespace {

using objects::Image;

constexpr std::string_view kHead =
    "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
    "#define noinline __attribute__((noinline))\n";

std::optional<Image> compiled(std::string_view code, const std::string& flags = "") {
  return objects::compile_text("part.bpf.c", std::string(kHead) + std::string(code), flags);
}

/// Links images that are called a.o, b.o and so on.
Result<Image> linked(const std::vector<Image>& images) {
  std::vector<LinkInput> inputs;
  for (const Image& image : images) {
    const char letter = static_cast<char>('a' + inputs.size());
    inputs.push_back({image, std::string(1, letter) + ".o"});
  }
  return skep::link(inputs);
}

/// What linking pieces of code says when it refuses them; nothing without a compiler.
std::optional<std::string> refusal(const std::vector<std::string_view>& codes) {
  std::vector<Image> images;
  for (const std::string_view code : codes) {
    auto image = compiled(code);
    if (!image) return std::nullopt;
    images.push_back(*std::move(image));
  }
  const auto result = linked(images);
  CHECK(!result.has_value());
  return result ? "linked" : result.error().message();
}

std::optional<Image> linked_pair(const std::string& name) {
  const auto one = objects::compile("link_" + name + "1.bpf.c"), two = objects::compile("link_" + name + "2.bpf.c");
  if (!one || !two) return std::nullopt;
  auto result = linked({*one, *two});
  REQUIRE_MESSAGE(result.has_value(), result.error().message());
  return *std::move(result);
}

Object opened(const Image& image) {
  ObjectOptions options;
  options.target_btf = "";
  options.kconfig = "";
  options.externs = {{"LINUX_KERNEL_VERSION", 0x060c00}};
  auto object = Object::load(image, "linked.o", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return *object;
}

std::uint64_t run(const Object& object, std::string_view name) {
  const auto program = object.program(name);
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  const auto executable = Executable::build(*program);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  std::array<std::byte, 64> bytes{};
  XdpPacket packet{std::span(bytes)};
  const RunResult result = executable->run(packet);
  REQUIRE_MESSAGE(result.ok(), executable->explain(result.fault));
  return result.value;
}

elf::File parsed(const Image& image) {
  auto file = elf::File::parse(image);
  REQUIRE_MESSAGE(file.has_value(), file.error().message());
  return *file;
}

const elf::Symbol& symbol_of(const elf::File& file, std::string_view name) {
  const elf::Symbol* found = nullptr;
  for (const elf::Symbol& each : file.symbols)
    if (each.name == name) found = &each;
  REQUIRE(found != nullptr);
  return *found;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an ELF file that is written parses to what was written") {
  const std::string code(16, 'c');
  elf::File file;
  file.type = 1;
  file.machine = 247;
  const auto relocations = elf::encode(std::array{elf::Relocation{.offset = 8, .type = 10, .symbol = 2}});
  file.sections = {
      {},
      {.name = "xdp",
       .type = elf::kProgbits,
       .flags = 6,
       .size = 16,
       .align = 8,
       .data = std::as_bytes(std::span(code))},
      {.name = ".bss", .type = elf::kNobits, .flags = 3, .size = 1u << 30, .align = 4096},
      {.name = ".relxdp", .type = elf::kRel, .size = 16, .align = 8, .entry_size = 16, .info = 1, .data = relocations}};
  file.symbols = {{},
                  {.name = "here", .section = 1},
                  {.name = "there", .value = 3, .size = 4, .section = 2, .binding = 2, .type = 1, .visibility = 2}};
  const auto bytes = elf::write(file);
  REQUIRE(bytes.has_value());
  const elf::File back = parsed(*bytes);
  REQUIRE(back.sections.size() == 6);
  for (std::size_t i = 1; i < file.sections.size(); ++i) {
    CHECK(back.sections[i].name == file.sections[i].name);
    CHECK(back.sections[i].size == file.sections[i].size);
    CHECK(back.sections[i].align == file.sections[i].align);
    CHECK(std::ranges::equal(back.sections[i].data, file.sections[i].data));
  }
  CHECK(symbol_of(back, "there").visibility == 2);
  CHECK(symbol_of(back, "there").binding == 2);
  CHECK(back.sections[back.symtab].info == 2);  // one past the last local symbol
  const auto relocated = back.relocations(1);
  REQUIRE(relocated.has_value());
  REQUIRE(relocated->size() == 1);
  CHECK(back.symbols[relocated->front().symbol].name == "there");
  CHECK(relocated->front().type == 10);
}

TEST_CASE("functions call across objects, statics stay apart, the strong or the first weak one counts") {
  const auto image = linked_pair("funcs");
  if (!image) return;
  const Object object = opened(*image);
  CHECK(run(object, "from_one") == 11143);
  CHECK(run(object, "from_two") == 10143);
}

TEST_CASE("variables are one for all objects, with the value of the definition that counts") {
  const auto image = linked_pair("vars");
  if (!image) return;
  const Object object = opened(*image);
  CHECK(run(object, "sum_one") == 22401);
  CHECK(run(object, "sum_two") == 31066);
}

TEST_CASE("maps are one for all objects") {
  const auto image = linked_pair("maps");
  if (!image) return;
  const Object object = opened(*image);
  CHECK(object.maps().size() == 4);
  const loader::MapDef* calls = objects::map(object.spec(), "calls");
  REQUIRE(calls != nullptr);
  CHECK(calls->slots == std::vector<std::string>{"", "tail"});
  CHECK(run(object, "fill") == 0);
  CHECK(run(object, "add_up") == 1023);
}

TEST_CASE("a definition replaces declarations before and behind it, in any order of three objects") {
  const std::array codes = {
      "extern int value; int f(int); SEC(\"xdp\") int one(void* c) { return f(value); } char _l[] SEC(\"license\") = "
      "\"GPL\";",
      "int value = 5; extern int f(int); SEC(\"xdp\") int two(void* c) { return f(1) + value; }",
      "extern int value; int f(int x) { return x + value; } __weak int unused(void) { return 3; }"};
  std::vector<Image> images;
  for (const char* code : codes) {
    auto image = compiled(code);
    if (!image) return;
    images.push_back(*std::move(image));
  }
  std::array order = {0, 1, 2};
  do {
    const auto result = linked({images[order[0]], images[order[1]], images[order[2]]});
    REQUIRE_MESSAGE(result.has_value(), result.error().message());
    const Object object = opened(*result);
    CHECK(run(object, "one") == 10);
    CHECK(run(object, "two") == 11);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("of licenses under two names the first one's variable stays, and no type tells of the other") {
  const auto one = compiled("char first[] SEC(\"license\") = \"GPL\";");
  const auto two = compiled("char other[] SEC(\"license\") __attribute__((btf_decl_tag(\"told\"))) = \"GPL\";");
  if (!one || !two) return;
  const auto result = linked({*one, *two});
  REQUIRE_MESSAGE(result.has_value(), result.error().message());
  const elf::File file = parsed(*result);
  const auto section = std::ranges::find(file.sections, ".BTF", &elf::Section::name);
  REQUIRE(section != file.sections.end());
  const auto types = btf::Btf::parse(section->data);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  CHECK((*types)->find(btf::Kind::var, "first") != 0);
  CHECK((*types)->find(btf::Kind::var, "other") == 0);
  CHECK((*types)->find(btf::Kind::decl_tag, "told") == 0);
}

TEST_CASE("binding and visibility of declarations and definitions add up") {
  const auto image = linked_pair("funcs");
  if (!image) return;
  const elf::File file = parsed(*image);
  CHECK(symbol_of(file, "kept_hidden").visibility == 2);
  CHECK(symbol_of(file, "first").visibility == 0);
  CHECK(symbol_of(file, "strong_wins").binding == static_cast<std::uint8_t>(elf::Binding::global));
  CHECK(symbol_of(file, "first_weak_wins").binding == static_cast<std::uint8_t>(elf::Binding::weak));
}

TEST_CASE("two strong definitions are refused with both objects' names, wherever they are") {
  for (const char* code :
       {"int twice(int x) { return x; }", "int twice = 1;",
        "struct { __uint(type, 1); __uint(key_size, 4); __uint(value_size, 4); } twice SEC(\".maps\");"}) {
    const auto said = refusal({"int other;", code, code});
    if (!said) return;
    CHECK(*said == "c.o: symbol twice: is defined here and in b.o, one definition at most may be strong");
  }
}

TEST_CASE("declarations that disagree are refused with both objects' names and what differs") {
  struct Case {
    const char* one;
    const char* two;
    const char* part;
  };
  static constexpr Case kCases[] = {
      {"int v = 1;", "extern long v; long use(void) { return v; }",
       "b.o: symbol v: is not what a.o declares: \"long\" of 8 bytes against \"int\" of 4"},
      {"int v = 1;", "extern int v(void); int use(void) { return v(); }",
       "b.o: symbol v: is a function, in a.o it is not"},
      {"int f(int a) { return a; }", "int f(int a, int b); int use(void) { return f(1, 2); }",
       "function of 2 parameters against 1"},
      {"int f(int a) { return a; }", "int f(long a); int use(void) { return f(1); }",
       "\"long\" of 8 bytes against \"int\" of 4"},
      {"struct s { int a; } v;", "struct s { int b; }; extern struct s v; int use(void) { return v.b; }",
       "struct s has member b at bit 0 against a at 0"},
      {"struct s { int a; } v;", "struct t { int a; }; extern struct t v; int use(void) { return v.a; }",
       "\"struct t\" against \"struct s\""},
      {"int *v;", "extern struct s *v; long use(void) { return (long)v; }", "\"struct s\" against \"int\""},
      {"#define M __uint(type, 1); __uint(max_entries, 3); __uint(map_flags, 1)\n"
       "struct { M; __type(key, int); __type(value, int); } m SEC(\".maps\");",
       "extern struct { __uint(type, 1); __uint(max_entries, 4); __uint(map_flags, 1); __type(key, int); __type(value, "
       "int); } m "
       "SEC(\".maps\"); int use(void) { int k = 0; return bpf_map_delete_elem(&m, &k); }",
       "b.o: symbol m: is not what a.o declares: max_entries 4 against 3"},
      {"struct { __uint(type, 1); __type(key, int); __type(value, long); } m SEC(\".maps\");",
       "extern struct { __uint(type, 1); __type(key, int); __type(value, double*); } m SEC(\".maps\");"
       "int use(void) { int k = 0; return bpf_map_delete_elem(&m, &k); }",
       "value: \"double *\" against \"long\""},
      {"struct { __uint(type, 1); __type(key, int); __type(value, long); } m SEC(\".maps\");",
       "extern struct { __uint(type, 1); __uint(key_size, 4); __type(value, long); } m SEC(\".maps\");"
       "int use(void) { int k = 0; return bpf_map_delete_elem(&m, &k); }",
       "key is declared on one side"},
      {"int v = 1;", "extern int v __kconfig; int use(void) { return v; }",
       "is in section .kconfig, in a.o it is in .data"},
      {"char l[] SEC(\"license\") = \"GPL\";", "char l[] SEC(\"license\") = \"MIT\";",
       "b.o: section license: is not that of a.o, all inputs must agree"},
      {"const int d SEC(\"both\") = 1;", "int d2 SEC(\"both\") = 1;", "b.o: section both: flags 0x3, in a.o it is 0x2"},
  };
  for (const Case& each : kCases) {
    CAPTURE(each.two);
    const auto said = refusal({each.one, each.two});
    if (!said) return;
    CHECK_MESSAGE(has(*said, each.part), *said);
  }
}

TEST_CASE("declarations that differ in typedefs, qualifiers and what pointers hide agree") {
  const auto one = compiled(
      "typedef int number; struct s { int a; }; struct s whole; struct s *v = &whole;\n"
      "number f(const number a, struct s *s) { return a; } int sized[3];");
  const auto two = compiled(
      "struct s; extern struct s *v; extern int f(int a, struct s *s); extern int sized[];\n"
      "SEC(\"xdp\") int use(void *c) { return f(3, v) + sized[1]; } char l[] SEC(\"license\") = \"GPL\";");
  if (!one || !two) return;
  for (const auto& images : {std::vector{*one, *two}, std::vector{*two, *one}}) {
    const auto result = linked(images);
    CHECK_MESSAGE(result.has_value(), result.error().message());
  }
}

TEST_CASE("what stays undefined stays for who links or loads the result") {
  const auto library = compiled("int missing(int); int wrap(int x) { return missing(x) + 1; }");
  const auto rest = compiled(
      "int missing(int x) { return x * 2; } int wrap(int); SEC(\"xdp\") int go(void *c) { return wrap(4); }"
      "char l[] SEC(\"license\") = \"GPL\";");
  if (!library || !rest) return;
  const auto alone = linked({*library});
  REQUIRE_MESSAGE(alone.has_value(), alone.error().message());
  CHECK(symbol_of(parsed(*alone), "missing").section == 0);
  const auto whole = linked({*alone, *rest});
  REQUIRE_MESSAGE(whole.has_value(), whole.error().message());
  CHECK(run(opened(*whole), "go") == 9);
}

TEST_CASE("linking what was linked changes nothing") {
  for (const char* name : {"funcs", "vars", "maps"}) {
    const auto image = linked_pair(name);
    if (!image) return;
    const auto again = linked({*image});
    REQUIRE_MESSAGE(again.has_value(), again.error().message());
    CHECK(*again == *image);
  }
}

TEST_CASE("objects without BTF are linked by their symbols alone") {
  const auto one = compiled(
      "extern int f(int); SEC(\"xdp\") int go(void *c) { return f(3); } char l[] SEC(\"license\") = \"GPL\";", "-g0");
  const auto two = compiled("static volatile int s = 4; int f(int x) { return x + s; }", "-g0");
  const auto described = compiled("static volatile int s = 4; int f(int x) { return x + s; }");
  if (!one || !two || !described) return;
  for (const auto& images : {std::vector{*one, *two}, std::vector{*one, *described}, std::vector{*described, *one}}) {
    const auto result = linked(images);
    REQUIRE_MESSAGE(result.has_value(), result.error().message());
    CHECK(run(opened(*result), "go") == 7);
  }
}

TEST_CASE("what is no BPF object is refused by what it is") {
  CHECK(skep::link({}).error().message() == "link: nothing to link");
  const std::string text = "no object";
  const std::array inputs = {LinkInput{std::as_bytes(std::span(text)), "t\nxt"}};
  CHECK(skep::link(inputs).error().message() == "t?xt: elf: not an ELF file (9 bytes)");
  auto image = compiled("int x;");
  if (!image) return;
  (*image)[18] = std::byte{62};
  CHECK(linked({*image}).error().message() ==
        "a.o: ELF type 1 for machine 62, linked are relocatable files (1) for BPF (247)");
}

TEST_CASE("objects with bytes changed are refused or linked into one that parses and can be linked again") {
  std::vector<Image> images;
  for (const char* name : {"vars1", "vars2", "funcs1", "funcs2", "maps1", "maps2"}) {
    auto image = objects::compile(fmt::format("link_{}.bpf.c", name));
    if (!image) return;
    // Without debug information, which is not looked at.
    auto small = linked({*image});
    REQUIRE(small.has_value());
    images.push_back(*std::move(small));
  }
  std::mt19937 random(20240601);
  std::size_t done = 0, refused = 0;
  for (int round = 0; round < 6000; ++round) {
    const std::size_t pair = random() % 3 * 2;
    std::vector<Image> inputs = {images[pair], images[pair + 1]};
    Image& changed = inputs[random() % 2];
    for (unsigned n = 1 + random() % 3; n > 0; --n) changed[random() % changed.size()] = std::byte(random());
    const auto result = linked(inputs);
    if (!result) {
      ++refused;
      CHECK(!result.error().where.empty());
      continue;
    }
    ++done;
    const auto again = linked({*result});
    CHECK_MESSAGE(again.has_value(), again.error().message());
  }
  MESSAGE(done, " linked, ", refused, " refused");
  CHECK(done > 1000);
  CHECK(refused > 1000);
}
