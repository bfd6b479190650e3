# find_package(tenon [COMPONENTS shared static]) gives tenon::tenon_shared; tenon::tenon_static where the libraries that it
# needs are there for developers too; and tenon::tenon, the program, for add_custom_command.
include("${CMAKE_CURRENT_LIST_DIR}/tenonShared.cmake")
set(tenon_shared_FOUND TRUE)
set(tenon_static_FOUND FALSE)

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(PROTOBUF_C QUIET IMPORTED_TARGET libprotobuf-c)
  pkg_check_modules(LIBZIP QUIET IMPORTED_TARGET libzip)
  pkg_check_modules(LIBARCHIVE QUIET IMPORTED_TARGET libarchive)
  pkg_check_modules(JANSSON QUIET IMPORTED_TARGET jansson)
endif()
if(PROTOBUF_C_FOUND AND LIBZIP_FOUND AND LIBARCHIVE_FOUND AND JANSSON_FOUND)
  include("${CMAKE_CURRENT_LIST_DIR}/tenonStatic.cmake")
  set(tenon_static_FOUND TRUE)
endif()

foreach(component ${tenon_FIND_COMPONENTS})
  if(tenon_FIND_REQUIRED_${component} AND NOT tenon_${component}_FOUND)
    set(tenon_FOUND FALSE)
    set(tenon_NOT_FOUND_MESSAGE "component ${component}: there are shared and static; static needs pkg-config and the \
development files of libprotobuf-c, libzip, libarchive and jansson")
  endif()
endforeach()
