// Skeletons of objects as they are found: both compilers take every one, without a warning.
#include <doctest/doctest.h>

#include <filesystem>

#include "cli/command.hpp"
#include "support/objects.hpp"
#include "support/tools.hpp"

using namespace skep;

namespace {

std::string_view text_of(const objects::Image& image) {
  return {reinterpret_cast<const char*>(image.data()), image.size()};
}

/// A source file that includes a skeleton of each object, all in one go, which is cheap.
struct Includer {
  tools::Scratch folder;
  std::string text = "#include <skep/skeleton.hpp>\n";
  std::size_t count = 0;

  void add(const std::string& name, const objects::Image& image) {
    const auto made =
        command::skep({"gen", "skeleton", "-", "--name", "object_" + std::to_string(count)}, text_of(image));
    CAPTURE(name);
    REQUIRE_MESSAGE(made.code == 0, made.err);
    const std::string header = folder.write("object_" + std::to_string(count) + ".hpp", made.out);
    text += "#include \"" + header + "\"  // " + name + "\n";
    ++count;
  }

  void compile() {
    if (count == 0) return;
    const std::string source = folder.write("all.cpp", text);
    for (const char* compiler : {"g++-12", "clang++-19"}) {
      if (!tools::have(compiler)) {
        MESSAGE("SKIP: there is no ", compiler);
        continue;
      }
      const std::string log = folder.write("log", "");
      const std::string command = std::string(compiler) +
                                  " -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I" SKEP_INCLUDE " " + source +
                                  " 2>" + log;
      CHECK_MESSAGE(std::system(command.c_str()) == 0, command::read_file(log).substr(0, 4000));
    }
    MESSAGE(count, " skeletons");
  }
};

}  // namespace

TEST_CASE("skeletons of the project's own objects compile") {
  Includer all;
  for (const auto& entry : std::filesystem::directory_iterator("tests/bpf")) {
    const std::string name = entry.path().filename().string();
    if (const auto image = objects::compile(name)) all.add(name, *image);
  }
  all.compile();
}

TEST_CASE("skeletons of distributed objects compile") {
  Includer all;
  std::size_t skipped = 0;
  for (const std::string package : {"libbpf-tools", "xdp-tools", "ir-keytable"}) {
    const bool has_files = package == "ir-keytable";
    const auto found =
        has_files ? objects::in_folder("/lib/udev/rc_keymaps/protocols", ".o") : objects::in_executables(package);
    if (found.empty()) MESSAGE("SKIP: package ", package, " is not installed");
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (package == "libbpf-tools" && i % 4 != 0)
        ++skipped;  // they are much alike
      else
        all.add(found[i].name, found[i].image);
    }
  }
  MESSAGE(skipped, " objects of libbpf-tools left out");
  all.compile();
}

TEST_CASE("names of C++ are changed where they would not compile, and types keep their layout") {
  const auto image = objects::compile_text("names.c", R"(
    typedef _Bool bool;
    typedef unsigned int u32;
    enum class { private = 1, public };
    enum wide { huge = 0x100000000ull };
    enum tiny { one } __attribute__((packed));
    struct template { int this; struct { int new; }; union { char delete; long operator; }; bool flag : 1; u32 rest : 31; };
    struct nothing {};
    struct holder { int before; struct nothing nothing; enum class class : 2; int after; struct template *next;
                    int (*call)(struct holder *, struct { int x; } *, ...); u32 tail[]; };
    struct packed { char c; int i; } __attribute__((packed));
    typedef struct packed packed;
    struct aligned { char c; } __attribute__((aligned(64)));
    volatile struct template template = {1};
    struct holder namespace = {2};
    packed both[3] = {{1}};
    struct aligned lines[2] = {{1}};
    const enum wide wide = huge;
    enum tiny tiny[5] = {one};
    int matrix[2][3] = {{1}};
    const char *const words[2] = {"a"};
    int (*pointer)[4] = (void *)8;
    __attribute__((section("xdp"))) int class(void *ctx) {
      return template.this + namespace.before + both[1].i + lines[0].c + matrix[1][1] + tiny[0] + (wide == huge) +
             (words[0] != 0) + (pointer != 0);
    }
    enum class kept = 1;)");
  if (!image) return;
  Includer all;
  all.add("names.c", *image);
  all.compile();
  all.text += R"(
    using namespace object_0::types;
    static_assert(sizeof(struct template_) == 24 && sizeof(struct nothing) == 0 && sizeof(holder) == 32);
    static_assert(sizeof(struct packed) == 5 && sizeof(enum wide) == 8 && sizeof(enum tiny) == 1);
    static_assert(sizeof(struct aligned) == 64 && sizeof(data_section::lines) == 128);
    static_assert(sizeof(data_section::matrix) == 24 && sizeof(data_section::both) == 15);
  )";
  all.compile();
}

TEST_CASE("what is asked of the generator wrongly is refused") {
  CHECK(command::skep({"gen", "skeleton"}).code == 2);
  CHECK(command::skep({"gen", "skeleton", "/no/such/file"}).code == 4);
  const auto object = command::object("globals");
  if (!object) return;
  CHECK(command::skep({"gen", "skeleton", *object, "--name", "two words"}).code == 2);
  CHECK(command::skep({"gen", "skeleton", *object, "name"}).code == 2);
  CHECK(command::skep({"gen", "skeleton", *object, "name", "other"}).out.find("namespace other {") !=
        std::string::npos);
  const std::string path = command::scratch_path("made.hpp");
  CHECK(command::skep({"gen", "skeleton", *object, "-o", path}).code == 0);
  CHECK(command::read_file(path).find("namespace globals_bpf {") != std::string::npos);
}
