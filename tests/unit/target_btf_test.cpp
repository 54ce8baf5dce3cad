// Types of targets out of every kind of file that has some, and modules' types as a second place to look.
#include <doctest/doctest.h>

#include <malloc.h>

#include <filesystem>

#include "api/target_types.hpp"
#include "loader/target_btf.hpp"
#include "skep/skep.hpp"
#include "support/btf_builder.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

namespace skep {
namespace {

using btf::Kind;
using testing::BtfBuilder;

std::string write(const tools::Scratch& scratch, const std::string& name, const std::vector<std::byte>& bytes) {
  return scratch.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// A kernel with struct kern, whose field lies at byte 4.
BtfBuilder kernel_types() {
  BtfBuilder b;
  const auto integer = b.integer("int", 4, 1);
  b.structure("kern", 8, {{"a", integer, 32}});
  return b;
}

/// A module with struct mod, whose field lies at `byte`, and another struct kern.
BtfBuilder module_types(const BtfBuilder& kernel, std::uint32_t byte) {
  BtfBuilder b(kernel, BtfBuilder::Split{});
  b.structure("mod", 64, {{"x", 1, 8 * byte}});
  b.structure("kern", 64, {{"a", 1, 8 * 40}});
  return b;
}

/// An ELF file for this machine with these sections; nothing where there are no tools to make one.
std::optional<std::string> elf_with(const tools::Scratch& scratch,
                                    std::initializer_list<std::pair<const char*, std::vector<std::byte>>> sections,
                                    const std::string& flags = "") {
  const std::string source = scratch.write("empty.c", "int unused;\n"), object = scratch.write("elf.o", "");
  if (!tools::output_of("clang-19 -c " + source + " -o " + object)) return std::nullopt;
  std::string command = "llvm-objcopy-19 " + flags;
  for (const auto& [name, bytes] : sections)
    command += std::string(" --add-section ") + name + "=" + write(scratch, std::string("raw") + name, bytes);
  const std::string made = scratch.write("made.o", "");
  if (!tools::output_of(command + " " + object + " " + made)) return std::nullopt;
  return made;
}

constexpr std::string_view kAsking = R"(
struct kern { int a; } __attribute__((preserve_access_index));
struct mod { int x; } __attribute__((preserve_access_index));
struct nowhere { int y; } __attribute__((preserve_access_index));
__attribute__((section("socket"), used)) int known(struct kern* it) { return it->a; }
__attribute__((section("socket"), used)) int in_module(struct mod* it) { return it->x; }
__attribute__((section("socket"), used)) int absent(struct nowhere* it) {
  return __builtin_preserve_field_info(it->y, 2) ? it->y : 7;
}
char l[] __attribute__((section("license"), used)) = "GPL";
)";

/// Offset of a program's load.
std::optional<std::int16_t> offset_of_load(const Object& object, const char* name) {
  for (const Insn& insn : object.program(name)->insns())
    if ((insn.opcode & 7) == 1) return insn.off;
  return std::nullopt;
}

}  // namespace

TEST_CASE("types are read from raw files and out of ELF files of any machine") {
  const tools::Scratch scratch;
  const auto bytes = kernel_types().bytes();
  const auto raw = load_types(write(scratch, "kernel.btf", bytes));
  REQUIRE_MESSAGE(raw.has_value(), raw.error().message());
  CHECK((*raw)->find(Kind::struct_, "kern") == 2);
  const auto elf = elf_with(scratch, {{".BTF", bytes}});
  if (!elf) {
    MESSAGE("SKIP: needs clang-19 and llvm-objcopy-19");
    return;
  }
  const auto vmlinux = load_types(*elf);
  REQUIRE_MESSAGE(vmlinux.has_value(), vmlinux.error().message());
  CHECK((*vmlinux)->find(Kind::struct_, "kern") == 2);
}

TEST_CASE("types are read out of ELF files of the other byte order") {
  const tools::Scratch scratch;
  const std::string source = scratch.write("s390.c", "struct kern { int before; long x; } kern;");
  const std::string object = scratch.write("s390.o", "");
  if (!tools::have("clang-19") || !tools::output_of("clang-19 -g -target bpfeb -c " + source + " -o " + object)) {
    MESSAGE("SKIP: needs clang-19");
    return;
  }
  const auto types = load_types(object);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  const btf::TypeId kern = (*types)->find(Kind::struct_, "kern");
  REQUIRE(kern != 0);
  CHECK((*types)->type(kern).size == 16);
  CHECK((*types)->members((*types)->type(kern))[1].bit_offset == 64);
}

TEST_CASE("a module stands on the base it is given, else on the one it brings") {
  const tools::Scratch scratch;
  const BtfBuilder kernel = kernel_types();
  const BtfBuilder module = module_types(kernel, 8);
  const auto base = load_types(write(scratch, "kernel.btf", kernel.bytes()));
  REQUIRE(base);
  const auto split = load_types(write(scratch, "module.btf", module.bytes()), *base);
  REQUIRE_MESSAGE(split.has_value(), split.error().message());
  CHECK((*split)->base() == base->get());
  CHECK((*split)->find(Kind::struct_, "mod") == 3);
  const auto elf = elf_with(scratch, {{".BTF", module.bytes()}, {".BTF.base", kernel.bytes()}});
  if (!elf) return;
  const auto brought = load_types(*elf);
  REQUIRE_MESSAGE(brought.has_value(), brought.error().message());
  CHECK((*brought)->find(Kind::struct_, "mod") == 3);
  CHECK((*brought)->base() != nullptr);
  CHECK((*load_types(*elf, *base))->base() == base->get());
}

TEST_CASE("files without types are refused by name") {
  const tools::Scratch scratch;
  const std::string missing = scratch.write("x", "") + "-missing";
  CHECK(load_types(missing).error().code == ErrorCode::io);
  CHECK(load_types("/tmp").error().code == ErrorCode::io);
  const auto text = load_types(scratch.write("text", "no types at all, just some text"));
  REQUIRE(!text);
  CHECK(text.error().message().find("text: btf: no BTF magic") != std::string::npos);
  CHECK(load_types(scratch.write("cut",
                                 "\x7f"
                                 "ELF"))
            .error()
            .code == ErrorCode::malformed);
  const auto none = elf_with(scratch, {});
  if (!none) return;
  CHECK(load_types(*none).error().message().find("has no section .BTF") != std::string::npos);
}

TEST_CASE("every truncation and every changed byte of an ELF file's headers is refused or read") {
  const tools::Scratch scratch;
  const auto elf = elf_with(scratch, {{".BTF", kernel_types().bytes()}});
  if (!elf) return;
  const auto good = *tools::read_file(*elf);
  std::size_t read = 0;
  for (std::size_t size = 0; size < good.size(); ++size) {
    auto bytes = good;
    bytes.resize(size);
    CHECK(!loader::parse_target_btf(bytes, "cut"));
    for (const int value : {0, 0x80, 0xff}) {
      bytes = good;
      bytes[size] = static_cast<std::byte>(value);
      read += loader::parse_target_btf(bytes, "changed").has_value();
    }
  }
  CHECK(read > 0);
}

TEST_CASE("the running kernel's types take little memory beside their own") {
  constexpr const char* kHost = "/sys/kernel/btf/vmlinux";
  constexpr std::size_t kMost = 1 << 20;  // a kernel of 126,000 types takes a quarter of it
  const auto in_use = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  if (!std::filesystem::exists(kHost)) {
    MESSAGE("SKIP: the kernel shows no types");
    return;
  }
  const std::size_t before = in_use();
  const auto types = load_types(kHost);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  const std::size_t taken = in_use() - before, file = std::filesystem::file_size(kHost);
  MESSAGE("types of ", file, " bytes take ", taken, " of the heap");
  CHECK(taken < file + kMost);  // kernels before 6.16 cannot be mapped
  CHECK((taken < kMost || taken >= file));
  CHECK((*types)->find(Kind::struct_, "task_struct") != 0);
}

TEST_CASE("what the kernel's types lack is looked for in its modules'") {
  const auto image = objects::compile_text("asking.c", kAsking);
  if (!image) return;
  const tools::Scratch scratch, modules;
  const BtfBuilder kernel = kernel_types();
  ObjectOptions options;
  options.target_btf = write(scratch, "kernel.btf", kernel.bytes());

  const auto without = Object::load(*image, "asking", options);
  REQUIRE_MESSAGE(without.has_value(), without.error().message());
  CHECK(offset_of_load(*without, "known") == 4);
  CHECK(offset_of_load(*without, "in_module") == std::nullopt);  // poisoned

  const std::filesystem::path one = write(modules, "one", module_types(kernel, 8).bytes());
  options.target_btf_modules = one.parent_path().string();
  const auto with = Object::load(*image, "asking", options);
  REQUIRE_MESSAGE(with.has_value(), with.error().message());
  CHECK(offset_of_load(*with, "known") == 4);
  CHECK(offset_of_load(*with, "in_module") == 8);
  CHECK(with->program("absent")->needs().empty());

  write(modules, "two", module_types(kernel, 8).bytes());
  CHECK(offset_of_load(*Object::load(*image, "asking", options), "in_module") == 8);  // the same twice
  write(modules, "two", module_types(kernel, 16).bytes());
  const auto needs = Object::load(*image, "asking", options)->program("in_module")->needs();
  REQUIRE(needs.size() == 1);
  CHECK(needs[0].find("ambiguous") != std::string::npos);

  modules.write("two", "no types");
  const auto broken = Object::load(*image, "asking", options)->program("in_module")->needs();
  REQUIRE(broken.size() == 1);
  CHECK(broken[0].find("no BTF magic") != std::string::npos);
}

TEST_CASE("split types are a target, too, on the base that the options name") {
  const auto image = objects::compile_text("asking.c", kAsking);
  if (!image) return;
  const tools::Scratch scratch;
  const BtfBuilder kernel = kernel_types();
  ObjectOptions options;
  options.target_btf = write(scratch, "module.btf", module_types(kernel, 8).bytes());
  CHECK(!Object::load(*image, "asking", options));
  options.target_btf_base = write(scratch, "kernel.btf", kernel.bytes());
  const auto object = Object::load(*image, "asking", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(offset_of_load(*object, "in_module") == 8);
}

}  // namespace skep
