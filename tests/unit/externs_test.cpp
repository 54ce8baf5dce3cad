// Externs as an application meets them: configuration, symbols and functions that it gives, or that are missing.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include <algorithm>
#include <optional>

#include "support/objects.hpp"
#include "support/tools.hpp"

using namespace skep;

namespace {

ObjectOptions nothing_around() {
  ObjectOptions options;
  options.target_btf = "";
  options.kconfig = "";
  options.externs = {{"LINUX_KERNEL_VERSION", 0x060c00}};
  return options;
}

Object opened(const objects::Image& image, const ObjectOptions& options) {
  auto object = Object::load(image, "externs.o", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return *object;
}

Result<Executable> build(const Object& object, std::string_view name, const BuildOptions& options = {}) {
  const auto program = object.program(name);
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  return Executable::build(*program, options);
}

RunResult run(const Executable& executable) {
  std::array<std::byte, 64> bytes{};
  RawContext context{std::span(bytes)};
  return executable.run(context);
}

std::uint64_t value_of(const Object& object, std::string_view name, const BuildOptions& options = {}) {
  const auto executable = build(object, name, options);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  const RunResult result = run(*executable);
  REQUIRE_MESSAGE(result.ok(), executable->explain(result.fault));
  return result.value;
}

HelperSpec adder() {
  return {.name = "skep_add",
          .args = {HelperArg::scalar, HelperArg::scalar},
          .function = [](HelperCall&, const std::array<std::uint64_t, 5>& args) { return args[0] + args[1]; }};
}
HelperSpec summer() {
  return {.name = "skep_sum",
          .args = {HelperArg::memory, HelperArg::size},
          .function = [](HelperCall&, const std::array<std::uint64_t, 5>& args) {
            std::uint64_t sum = 0;
            for (std::uint64_t i = 0; i < args[1]; ++i) sum += reinterpret_cast<const unsigned char*>(args[0])[i];
            return sum;
          }};
}

/// An object whose one program returns `expression`, of the declared externs.
std::optional<objects::Image> asking(std::string_view declarations, std::string_view expression) {
  return objects::compile_text("asking.bpf.c",
                               "#include <linux/bpf.h>\n#include <stdbool.h>\n"
                               "#include <bpf/bpf_helpers.h>\n" +
                                   std::string(declarations) + "\nSEC(\"socket\") long ask(void* ctx) { return (long)" +
                                   std::string(expression) + "; }\n");
}

}  // namespace

TEST_CASE("a program sees the configuration that the application gives") {
  const auto image = objects::compile("externs_config.bpf.c");
  if (!image) return;
  ObjectOptions options = nothing_around();
  options.externs = {{"LINUX_KERNEL_VERSION", 0x050a00},
                     {"CONFIG_BOOL", true},
                     {"CONFIG_TRISTATE", "m"},
                     {"CONFIG_CHAR", 'c'},
                     {"CONFIG_SCHAR", -128},
                     {"CONFIG_USHORT", 65535},
                     {"CONFIG_INT", -1000},
                     {"CONFIG_ULONG", 1ull << 63},
                     {"CONFIG_STR", "abcdefg"}};
  const Object object = opened(*image, options);
  CHECK(value_of(object, "letters") == static_cast<std::uint32_t>(1 + 20 + ('c' << 8) + (-128 * 65536)));
  CHECK(value_of(object, "numbers") == (1ull << 63) + 65535 - 1000);
  CHECK(value_of(object, "text") == 'a');
  CHECK((value_of(object, "facts") & 5) == 0);  // 5.10 has no cookies
  CHECK(object.notes().empty());
}

TEST_CASE("a program sees the configuration in a file, and the application's values win") {
  const auto image = objects::compile("externs_config.bpf.c");
  if (!image) return;
  const tools::Scratch scratch;
  ObjectOptions options = nothing_around();
  options.kconfig = scratch.write("config",
                                  "#\n# CONFIG_NOT is not set\n\nCONFIG_OTHER=y\nCONFIG_INT=0x10\n"
                                  "CONFIG_INT=3\nCONFIG_BOOL=y\nCONFIG_TRISTATE=m\nCONFIG_CHAR=n\n"
                                  "CONFIG_STR=\"12345678901\"\nCONFIG_ULONG=010");
  options.externs.insert_or_assign("CONFIG_BOOL", 0);
  const Object object = opened(*image, options);
  CHECK(value_of(object, "numbers") == 16 + 8);
  CHECK(value_of(object, "letters") == 20 + ('n' << 8));
  CHECK(value_of(object, "text") == '1');
  REQUIRE(object.notes().size() == 1);
  CHECK(object.notes()[0] == "extern CONFIG_STR: the text is cut to 7 bytes");
}

TEST_CASE("configuration may not be written by a program") {
  const auto image = asking("extern int CONFIG_X __kconfig __weak;", "(*(volatile int*)&CONFIG_X = 1)");
  if (!image) return;
  const Object object = opened(*image, nothing_around());
  const auto executable = build(object, "ask");
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  CHECK(run(*executable).fault_kind() == FaultKind::bad_store);
}

TEST_CASE("this kernel's version is known without being told") {
  const auto image = objects::compile("externs_config.bpf.c");
  if (!image) return;
  ObjectOptions options;
  options.kconfig = "";
  const Object object = opened(*image, options);
  CHECK((value_of(object, "facts") >> 3) > 0x040000);
}

TEST_CASE("what nobody gives is a need when it is strong, and 0 when it is weak") {
  const auto image = asking(
      "extern int CONFIG_STRONG __kconfig; extern int CONFIG_WEAK __kconfig __weak;\n"
      "extern const void strong_symbol __ksym; extern const void weak_symbol __ksym __weak;\n"
      "extern int strong_typed __ksym; extern int strong_function(void) __ksym;",
      "&weak_symbol + CONFIG_STRONG + CONFIG_WEAK + (long)&strong_symbol + strong_typed +"
      " strong_function()");
  if (!image) return;
  const Object object = opened(*image, nothing_around());
  auto needs = object.program("ask")->needs();
  std::sort(needs.begin(), needs.end());
  CHECK(needs == std::vector<std::string>{"CONFIG_STRONG", "strong_function", "strong_symbol", "strong_typed"});
  const auto executable = build(object, "ask");
  REQUIRE_FALSE(executable.has_value());
  for (const std::string& name : needs) CHECK(executable.error().message().find(name) != std::string::npos);
}

TEST_CASE("values that do not fit are refused by name") {
  struct Case {
    const char* declaration;
    ExternValue value;
    const char* reason;
  };
  const Case cases[] = {
      {"extern signed char CONFIG_X", 128, "128 does not fit"},
      {"extern unsigned char CONFIG_X", 256, "256 does not fit"},
      {"extern unsigned int CONFIG_X", -1, "does not fit"},
      {"extern bool CONFIG_X", 2, "2 does not fit"},
      {"extern bool CONFIG_X", "m", "the value is m, the variable a bool"},
      {"extern enum libbpf_tristate CONFIG_X", 3, "3 does not fit"},
      {"extern int CONFIG_X", "y", "the variable an integer"},
      {"extern char CONFIG_X[4]", 1, "the variable an array of char"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.declaration);
    const auto image = asking(std::string(each.declaration) + " __kconfig;", "*(char*)&CONFIG_X");
    if (!image) return;
    ObjectOptions options = nothing_around();
    options.externs.insert_or_assign("CONFIG_X", each.value);
    const auto object = Object::load(*image, "asking.o", options);
    REQUIRE_FALSE(object.has_value());
    CHECK(object.error().where == "extern CONFIG_X");
    CHECK(object.error().message().find(each.reason) != std::string::npos);
  }
}

TEST_CASE("a line that does not fit its variable makes a need that says why, even of a weak one") {
  const auto image = asking("extern unsigned char CONFIG_X __kconfig __weak;", "CONFIG_X");
  if (!image) return;
  const tools::Scratch scratch;
  ObjectOptions options = nothing_around();
  options.kconfig = scratch.write("config", "CONFIG_X=300\n");
  const auto needs = opened(*image, options).program("ask")->needs();
  REQUIRE(needs.size() == 1);
  CHECK(needs[0] == "CONFIG_X: 300 does not fit a char of 1 bytes");

  const auto text = asking("extern char CONFIG_X[4] __kconfig __weak;", "CONFIG_X[1]");
  options.kconfig = scratch.write("config", "CONFIG_X=\"\n");
  const auto unclosed = opened(*text, options).program("ask")->needs();
  REQUIRE(unclosed.size() == 1);
  CHECK(unclosed[0] == "CONFIG_X: \" is no text");
}

TEST_CASE("a type that no configuration has is a need that says so") {
  const auto image = asking("struct s { int a[2]; }; extern struct s CONFIG_X __kconfig;", "CONFIG_X.a[1]");
  if (!image) return;
  const auto needs = opened(*image, nothing_around()).program("ask")->needs();
  REQUIRE(needs.size() == 1);
  CHECK(needs[0] == "CONFIG_X: no configuration has a value of its type");
}

TEST_CASE("files that are no configuration are refused, and large ones cost little") {
  const auto image = asking("extern int CONFIG_X __kconfig __weak;", "CONFIG_X");
  if (!image) return;
  const tools::Scratch scratch;
  const auto refusal = [&](const std::string& path) {
    ObjectOptions options = nothing_around();
    options.kconfig = path;
    const auto object = Object::load(*image, "asking.o", options);
    return object ? std::string() : object.error().message();
  };
  const std::string path = scratch.write("config", "CONFIG_A=y\nCONFIG_B\n");
  CHECK(refusal(path) == path + ": line 2: CONFIG_B has no value");
  CHECK(refusal(scratch.write("empty", "CONFIG_A=\n")).find("line 1: CONFIG_A= has no value") != std::string::npos);
  CHECK(refusal(scratch.write("gz", "\x1f\x8b\x08 and so on")).find("compressed text is broken") != std::string::npos);
  CHECK(refusal(scratch.write("none", "")).empty());
  CHECK(refusal("/no/such/config").find("No such file") != std::string::npos);
  CHECK(refusal("/tmp").find("is a directory") != std::string::npos);
  CHECK(refusal(scratch.write("long", "CONFIG_X=" + std::string(1 << 20, '7'))).empty());

  std::string many;
  while (many.size() < (15u << 20)) many += "CONFIG_X=y\nCONFIG_" + std::to_string(many.size()) + "=1\n";
  CHECK(refusal(scratch.write("many", many)).empty());
  CHECK(refusal(scratch.write("huge", std::string(17 << 20, '\n'))).find("larger than") != std::string::npos);
}

TEST_CASE("configuration larger than a limit is refused, whatever its parts claim") {
  const auto image = asking("extern char CONFIG_A[600000] __kconfig __weak, CONFIG_B[600000] __kconfig __weak;",
                            "CONFIG_A[1] + CONFIG_B[1]");
  if (!image) return;
  const auto object = Object::load(*image, "asking.o", nothing_around());
  REQUIRE_FALSE(object.has_value());
  CHECK(object.error().code == ErrorCode::limit);
}

TEST_CASE("a program calls the kernel functions that the application gives, by name") {
  const auto image = objects::compile("externs_given.bpf.c");
  if (!image) return;
  const Object object = opened(*image, nothing_around());
  for (const Mode mode : {Mode::guarded, Mode::unguarded}) {
    BuildOptions options;
    options.mode = mode;
    CHECK(value_of(object, "maybe", options) == 77);
    const auto refused = build(object, "calls", options);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message().find("skep_add") != std::string::npos);

    options.kfuncs = {adder(), summer()};
    CHECK(value_of(object, "calls", options) == 42);
    CHECK(value_of(object, "maybe", options) == 10);
  }
}

TEST_CASE("a kernel function's arguments are checked as a helper's") {
  const auto image = objects::compile("externs_given.bpf.c");
  if (!image) return;
  const Object object = opened(*image, nothing_around());
  BuildOptions options;
  options.kfuncs = {summer()};
  const auto executable = build(object, "wild", options);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  const RunResult result = run(*executable);
  CHECK(result.fault_kind() == FaultKind::bad_argument);
  CHECK(executable->explain(result.fault).find("kernel function skep_sum got 0x8") != std::string::npos);
}

TEST_CASE("calling a weak function that nobody gives is a fault that names it") {
  const auto image = objects::compile("externs_given.bpf.c");
  if (!image) return;
  const Object object = opened(*image, nothing_around());
  const auto executable = build(object, "careless");
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  const RunResult result = run(*executable);
  CHECK(result.fault_kind() == FaultKind::unresolved);
  CHECK(executable->explain(result.fault).find("asks for what is not there: kernel function skep_sum") !=
        std::string::npos);
}

TEST_CASE("kernel functions of one name, without a name or without code are refused") {
  const auto image = objects::compile("externs_given.bpf.c");
  if (!image) return;
  const Object object = opened(*image, nothing_around());
  HelperSpec nameless = adder(), empty = adder();
  nameless.name.clear();
  empty.function = nullptr;
  for (const auto& kfuncs : {std::vector{adder(), adder()}, std::vector{nameless}, std::vector{empty}}) {
    BuildOptions options;
    options.kfuncs = kfuncs;
    CHECK_FALSE(build(object, "maybe", options).has_value());
  }
}

TEST_CASE("symbols have the addresses that the application gives") {
  const auto image = objects::compile("externs_given.bpf.c");
  if (!image) return;
  ObjectOptions options = nothing_around();
  CHECK(value_of(opened(*image, options), "weak_symbol") == 0);
  CHECK(opened(*image, options).program("symbols")->needs().size() == 2);
  options.externs = {{"skep_symbol", 0xffffffff81000000u}, {"skep_typed", 0x10}, {"skep_weak", 7}};
  const Object object = opened(*image, options);
  CHECK(value_of(object, "weak_symbol") == 7);
  CHECK(value_of(object, "symbols") == 0xffffffff81000010u);
  options.externs.insert_or_assign("skep_symbol", "text");
  CHECK_FALSE(Object::load(*image, "externs.o", options).has_value());
}
