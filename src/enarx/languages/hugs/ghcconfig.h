/* Named by Hugs's base; HsBaseConfig.h says what there is. */
